/**
 * Who may join: secrets and certificates, what is wrong with them, and the sums that prove one knows a secret. Reaches
 * `node:crypto`, and nothing else.
 *
 * One idea: a node that can be reached from other machines has a way to tell its own from others, or it doesn't start.
 *
 * The invariant: a secret leaves this file as a keyed sum or not at all.
 *
 * @module
 */
import { createHmac, createPrivateKey, randomBytes, timingSafeEqual, X509Certificate } from "node:crypto";
import type { OptionsCheck } from "../core/options_check.ts";
import { isLoopback } from "./address.ts";

/** A secret that the nodes of a cluster share. */
export interface Secret {
  /** What it is called when it is used: letters, digits, `-`, `_`, `.`; at most 64. Not secret. */
  readonly id: string;
  /** At least 16 characters, and not to be guessed: whoever knows it is a node. */
  readonly value: string;
}

/** Certificates, as PEM texts. */
export interface TlsOptions {
  /** This node's certificate, and those between it and the authority. Must name the host that is advertised. */
  readonly cert: string;
  /** Its private key. */
  readonly key: string;
  /** The authorities whose certificates are believed; by default those of the system. */
  readonly ca?: string | readonly string[];
  /** Whether a node that dials must show a certificate of theirs too. Then `ca` is needed. Default: false. */
  readonly requireClientCertificate?: boolean;
}

/**
 * How nodes tell their own from others. A secret does that when a link begins; what passes on it afterwards is neither
 * hidden nor signed, unless there is `tls` too. On a network that others can listen to, use both.
 */
export interface SecurityOptions {
  /**
   * The first one signs, each is accepted. To replace a secret without a pause: give every node the new one as its
   * second, then as its first, then alone. At most 8.
   */
  readonly secrets?: readonly Secret[];
  /** The same as the listener's. */
  readonly tls?: TlsOptions;
}

const SECRETS_MAX = 8;
const SECRET_CHARS_MIN = 16;
const SECRET_CHARS_MAX = 1_024;
/** Bytes of a nonce, and of a mac: what SHA-256 gives. */
export const NONCE_BYTES = 32;
/** Bytes of a mac. */
export const MAC_BYTES = 32;
/** Characters of a key's id. */
export const KEY_ID_CHARS_MAX = 64;

/** Signs for this node, and judges what others signed. */
export interface Keyring {
  /** The id of the key that signs. */
  readonly keyId: string;
  /** The mac of `label` and all `parts` by the key that signs. */
  sign(label: string, parts: readonly Uint8Array[]): Uint8Array;
  /** Whether `mac` is that of the key `keyId`. Takes as long for a key that isn't there. */
  isSigned(keyId: string, label: string, parts: readonly Uint8Array[], mac: Uint8Array): boolean;
}

/** The keys of `secrets`. Without any there is one that everybody knows: the handshake is the same, and proves nothing. */
export function keyringOf(secrets: readonly Secret[]): Keyring {
  const keys = secrets.length === 0 ? [{ id: "", value: "" }] : secrets;
  const [first = { id: "", value: "" }] = keys;
  return {
    keyId: first.id,
    sign: (label, parts) => macOf(first.value, label, parts),
    isSigned: (keyId, label, parts, mac) => {
      const key = keys.find(({ id }) => id === keyId);
      const expected = macOf(key?.value ?? first.value, label, parts);
      // Compared in any case, so that the time tells no one which keys there are.
      return mac.length === MAC_BYTES && timingSafeEqual(expected, mac) && key !== undefined;
    },
  };
}

/** A nonce that was never used. */
export function freshNonce(): Uint8Array {
  return new Uint8Array(randomBytes(NONCE_BYTES));
}

/** Whether a peer has to prove anything: without, only this machine may be let in. */
export function isGuarded({ secrets = [], tls }: SecurityOptions): boolean {
  return secrets.length > 0 || tls?.requireClientCertificate === true;
}

/** Adds what is wrong with `security` to `check`. `hosts`: where this node listens and says it does; all are hosts. */
export function checkSecurity(check: OptionsCheck, security: SecurityOptions, hosts: readonly string[]): void {
  if (!isObject(security)) return hidden(check, "security", security, "an object with secrets or tls");
  check.unknownKeys("security", security, ["secrets", "tls"]);
  const { secrets, tls } = security;
  checkSecrets(check, secrets);
  checkTls(check, "security.tls", tls);
  if (isGuarded(security)) return;
  const reachable = [...new Set(hosts.filter((host) => !isLoopback(host)))];
  if (reachable.length === 0) return;
  const isEmpty = secrets === undefined && tls === undefined;
  check.problem(
    "security",
    isEmpty ? undefined : security,
    "an object with secrets, or with tls and its requireClientCertificate: other machines can reach this node at " +
      `${reachable.join(" and ")}, and without either any of them could join`,
  );
}

/** Adds what is wrong with `tls` to `check`. Whether the texts are certificates shows when they are used. */
export function checkTls(check: OptionsCheck, name: string, tls: TlsOptions | undefined): void {
  if (tls === undefined) return;
  if (!isObject(tls)) return hidden(check, name, tls, "an object with cert and key");
  check.unknownKeys(name, tls, ["cert", "key", "ca", "requireClientCertificate"]);
  const pem = { pattern: /^[\s\S]*-----BEGIN [\s\S]+$/, allowed: "a PEM text" };
  check.text(`${name}.cert`, tls.cert, pem);
  check.text(`${name}.key`, tls.key, { ...pem, isSecret: true });
  check.boolean(`${name}.requireClientCertificate`, tls.requireClientCertificate, { optional: true });
  const { ca: given } = tls;
  if (given !== undefined && typeof given !== "string" && !Array.isArray(given)) {
    return check.problem(`${name}.ca`, given, "a PEM text, or a list of them");
  }
  const authorities = authoritiesOf(tls);
  for (const ca of authorities) check.text(`${name}.ca`, ca, pem);
  if (tls.requireClientCertificate === true && authorities.length === 0) {
    check.problem(`${name}.ca`, tls.ca, "the authority whose certificates nodes must show");
  }
}

/**
 * Reads what `tls` holds, and throws what the platform says of a text that is no certificate or key. One runtime would
 * listen with them all the same, and fail with each peer.
 */
export function readCertificates(tls: TlsOptions): void {
  const certificate = new X509Certificate(tls.cert);
  const isPair = certificate.checkPrivateKey(createPrivateKey(tls.key));
  if (!isPair) throw new Error("tls.key is not the key of tls.cert");
  for (const ca of authoritiesOf(tls)) new X509Certificate(ca);
}

/** The authorities of `tls`, however they were given. */
export function authoritiesOf({ ca = [] }: TlsOptions): string[] {
  return typeof ca === "string" ? [ca] : [...ca];
}

function checkSecrets(check: OptionsCheck, secrets: readonly Secret[] | undefined): void {
  if (secrets === undefined) return;
  if (!Array.isArray(secrets) || secrets.length === 0 || secrets.length > SECRETS_MAX) {
    return hidden(check, "security.secrets", secrets, `a list of 1 to ${SECRETS_MAX} objects with id and value`);
  }
  const ids = secrets.map((secret: Partial<Secret>, index) => {
    const name = `security.secrets.${index}`;
    if (!isObject(secret)) return hidden(check, name, secret, "an object with id and value");
    check.unknownKeys(name, secret, ["id", "value"]);
    check.text(`${name}.id`, secret.id, {
      pattern: /^[A-Za-z0-9._-]{1,64}$/,
      allowed: `1 to ${KEY_ID_CHARS_MAX} letters, digits, "-", "_", "."`,
    });
    check.secret(`${name}.value`, secret.value, { min: SECRET_CHARS_MIN, max: SECRET_CHARS_MAX });
    return secret.id;
  });
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) check.problem("security.secrets", twice, "secrets of different ids");
}

/** A text in the place of secrets is one, most likely. */
function hidden(check: OptionsCheck, name: string, value: unknown, allowed: string): undefined {
  check.text(name, value, { pattern: /^(?!)/, allowed, isSecret: typeof value === "string" });
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function macOf(key: string, label: string, parts: readonly Uint8Array[]): Uint8Array {
  const sum = createHmac("sha256", key).update(label).update("\0");
  for (const part of parts) sum.update(part);
  return new Uint8Array(sum.digest());
}
