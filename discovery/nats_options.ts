/**
 * The options of discovery by NATS: what they are, and what may be in them. Pure.
 *
 * @module
 */
import type { OptionsCheck } from "../core/options_check.ts";
import { parseAddress } from "./address.ts";
import { type Bag, bagOf } from "./options_bag.ts";

/** Options of `natsDiscovery`. */
export interface NatsDiscoveryOptions {
  /** One server or several of one NATS cluster: `nats://host:port`; without a port, 4222. 1 to 32. */
  readonly servers: string | readonly string[];
  /**
   * The subject that nodes ask and answer on, words joined by dots; by default `troupe.<system>.discovery`. All nodes of
   * a cluster have the same. Permissions, where there are any, are needed to publish and to subscribe to it and to what
   * is below it: `troupe.bank.discovery` and `troupe.bank.discovery.>`.
   */
  readonly subject?: string;
  /** A user of the server; needs `pass`. */
  readonly user?: string;
  /** The user's password. */
  readonly pass?: string;
  /** A token of the server, instead of `user` and `pass`. */
  readonly token?: string;
  /** Connect by TLS or not at all; `{}` trusts what the runtime trusts. Without it, TLS where the server offers it. */
  readonly tls?: NatsTlsOptions;
  /**
   * Milliseconds for which a find takes answers, `40` to `60000`; 1,000 by default. It is over earlier, when no new
   * address has come for a quarter of it; it fails when they still come at its end.
   */
  readonly timeoutMs?: number;
}

/** Certificates, as text in PEM or as paths of files. */
export interface NatsTlsOptions {
  /** Authorities to trust instead of the runtime's. */
  readonly ca?: string;
  /** A file with them. */
  readonly caFile?: string;
  /** This node's certificate, where the server demands one. */
  readonly cert?: string;
  /** A file with it. */
  readonly certFile?: string;
  /** The certificate's key. */
  readonly key?: string;
  /** A file with it. */
  readonly keyFile?: string;
}

/** The options with every default in place but the subject, which needs the system's name. */
export interface NatsSettings {
  /** `host:port` each. */
  readonly servers: readonly string[];
  readonly subject: string | undefined;
  readonly user: string | undefined;
  readonly pass: string | undefined;
  readonly token: string | undefined;
  readonly tls: NatsTlsOptions | undefined;
  readonly timeoutMs: number;
}

/** Milliseconds for which a find takes answers unless its option says otherwise. */
export const FIND_TIMEOUT_MS_DEFAULT = 1_000;

const SERVERS_MAX = 32;
const SUBJECT_CHARS_MAX = 255;
const NATS_PORT = 4222;
const AT = "natsDiscovery";
const SUBJECT = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;
const KEYS: readonly (keyof NatsDiscoveryOptions)[] = [
  "servers",
  "subject",
  "user",
  "pass",
  "token",
  "tls",
  "timeoutMs",
];
const TLS_KEYS: readonly (keyof NatsTlsOptions)[] = ["ca", "caFile", "cert", "certFile", "key", "keyFile"];

/** The settings that `options` ask for; they are good for something only if `check` has no problems then. */
export function natsSettingsOf(options: unknown, check: OptionsCheck): NatsSettings {
  const bag = bagOf(check, AT, options, KEYS);
  const { subject, user, pass, token, tls, timeoutMs = FIND_TIMEOUT_MS_DEFAULT } = bag;
  if (typeof subject === "string" && subject.length > SUBJECT_CHARS_MAX) {
    check.problem(`${AT}.subject`, subject, `at most ${SUBJECT_CHARS_MAX} characters`);
  } else {
    const allowed = "words of letters, digits, `-` and `_`, joined by dots";
    check.text(`${AT}.subject`, subject, { pattern: SUBJECT, allowed, optional: true });
  }
  checkCredentials(bag, check);
  check.number(`${AT}.timeoutMs`, timeoutMs, { min: 40, max: 60_000 });
  return {
    servers: serversOf(bag.servers, check),
    subject: textOr(subject),
    user: textOr(user),
    pass: textOr(pass),
    token: textOr(token),
    tls: tls === undefined ? undefined : tlsOf(tls, check),
    timeoutMs: typeof timeoutMs === "number" ? timeoutMs : FIND_TIMEOUT_MS_DEFAULT,
  };
}

/** The subject of a cluster that was given none. Names may have dots, which part the words of a subject. */
export function subjectOf(system: string): string {
  return `troupe.${system.replaceAll(".", "_")}.discovery`;
}

function checkCredentials({ user, pass, token }: Bag, check: OptionsCheck): void {
  const rule = { pattern: /^[^]+$/, allowed: "a text", isSecret: true, optional: true };
  check.text(`${AT}.user`, user, { ...rule, isSecret: false });
  check.text(`${AT}.pass`, pass, rule);
  check.text(`${AT}.token`, token, rule);
  if (user !== undefined && pass === undefined) check.problem(`${AT}.pass`, pass, "the password of the user");
  if (user === undefined && pass !== undefined) check.problem(`${AT}.user`, user, "the user of the password");
  if (user !== undefined && token !== undefined) check.problem(`${AT}.user`, user, "no user beside a token");
}

function serversOf(given: unknown, check: OptionsCheck): readonly string[] {
  const servers: unknown = typeof given === "string" ? [given] : given;
  if (!Array.isArray(servers) || servers.length === 0 || servers.length > SERVERS_MAX) {
    check.problem(`${AT}.servers`, given, `nats://host:port, or a list of 1 to ${SERVERS_MAX} of them`);
    return [];
  }
  return servers.flatMap((text: unknown, index) => {
    const server = typeof text === "string" ? serverOf(text) : undefined;
    if (server !== undefined) return server;
    // What stands before an @ is a password.
    const isSecret = typeof text === "string" && text.includes("@");
    const at = Array.isArray(given) ? `${AT}.servers[${index}]` : `${AT}.servers`;
    const allowed = "nats://host:port; TLS, user, password and token are options of their own";
    check.text(at, text, { pattern: /(?!)/, allowed, isSecret });
    return [];
  });
}

/** `host:port` of a server as it was written. */
function serverOf(text: string): string | undefined {
  const bare = text.replace(/^nats:\/\//, "").replace(/\/$/, "");
  return (parseAddress(bare) ?? parseAddress(`${bare}:${NATS_PORT}`))?.text;
}

function tlsOf(tls: unknown, check: OptionsCheck): NatsTlsOptions {
  const bag = bagOf(check, `${AT}.tls`, tls, TLS_KEYS);
  const rule = { pattern: /^[^]+$/, isSecret: true, optional: true };
  for (const name of TLS_KEYS) {
    const allowed = name.endsWith("File") ? "a path of a file" : "a text in PEM";
    check.text(`${AT}.tls.${name}`, bag[name], { ...rule, allowed });
  }
  for (const [one, other] of [["cert", "key"], ["key", "cert"]] as const) {
    if (has(bag, one) && !has(bag, other)) check.problem(`${AT}.tls.${other}`, undefined, `the ${other} of the ${one}`);
  }
  return Object.fromEntries(TLS_KEYS.flatMap((name) => typeof bag[name] === "string" ? [[name, bag[name]]] : []));
}

function has(bag: Bag, name: "cert" | "key"): boolean {
  return bag[name] !== undefined || bag[`${name}File`] !== undefined;
}

function textOr(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
