/**
 * Certificates of a test, made by openssl when they are needed: none that lie around can be out of date. Touches
 * processes and files.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One certificate and its key, as text in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority, and what it has signed: a server on 127.0.0.1, and a client. */
export interface Certificates {
  readonly ca: string;
  readonly server: Certificate;
  readonly client: Certificate;
}

/** Makes an authority of its own each time. */
export function makeCertificates(): Certificates {
  const folder = mkdtempSync(join(tmpdir(), "troupe-certificates-"));
  try {
    const openssl = (...args: readonly string[]): void => {
      execFileSync("openssl", [...args], { cwd: folder, stdio: "ignore" });
    };
    const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    openssl(
      "req",
      "-x509",
      ...newKey,
      "-keyout",
      "ca.key",
      "-out",
      "ca.pem",
      "-subj",
      "/CN=ca of a test",
      "-days",
      "2",
    );
    const read = (file: string): string => readFileSync(join(folder, file), "utf8");
    const signed = (name: string): Certificate => {
      writeFileSync(join(folder, "names.cnf"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
      openssl("req", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
      openssl(
        ...["x509", "-req", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"],
        ...["-out", `${name}.pem`, "-days", "2", "-extfile", "names.cnf"],
      );
      return { cert: read(`${name}.pem`), key: read(`${name}.key`) };
    };
    return { ca: read("ca.pem"), server: signed("server"), client: signed("client") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
