/**
 * Certificates of a day, made by `openssl` for one test. For `tests/integration` only.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority, and what it signs. */
export interface Authority {
  readonly ca: string;
  sign(name: string, hosts: string): Certificate;
}

/** Whether there is an `openssl` to make certificates with. */
export function canCertify(): boolean {
  try {
    openssl(process.cwd(), ["version"]);
    return true;
  } catch {
    return false;
  }
}

/** Makes an authority in a folder of its own, and hands it to `use`. */
export async function withAuthorities<T>(
  names: readonly string[],
  use: (...made: Authority[]) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-certificates-"));
  try {
    return await use(...names.map((name) => authority(folder, name)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function authority(folder: string, authorityName: string): Authority {
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const own = `${authorityName}-ca`;
  openssl(folder, [
    "req",
    "-x509",
    ...key,
    "-keyout",
    `${own}.key`,
    "-out",
    `${own}.crt`,
    "-days",
    "1",
    "-subj",
    `/CN=${own}`,
  ]);
  return {
    ca: read(`${own}.crt`),
    sign: (name, hosts) => {
      const file = `${authorityName}-${name}`;
      writeFileSync(join(folder, `${file}.ext`), `subjectAltName=${hosts}\n`);
      openssl(folder, ["req", ...key, "-keyout", `${file}.key`, "-out", `${file}.csr`, "-subj", `/CN=${name}`]);
      openssl(folder, [
        ...["x509", "-req", "-in", `${file}.csr`, "-CA", `${own}.crt`, "-CAkey", `${own}.key`, "-CAcreateserial"],
        ...["-out", `${file}.crt`, "-days", "1", "-extfile", `${file}.ext`],
      ]);
      return { cert: read(`${file}.crt`), key: read(`${file}.key`) };
    },
  };
}

function openssl(folder: string, options: readonly string[]): void {
  execFileSync("openssl", [...options], { cwd: folder, stdio: "pipe" });
}
