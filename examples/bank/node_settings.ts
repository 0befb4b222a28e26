/**
 * What a process of the clustered bank is told on its command line. Pure.
 *
 * @module
 */
import { parseArgs } from "node:util";

/** How one node is set up. */
export interface NodeSettings {
  /** What people call it. */
  readonly name: string;
  /** The port for customers. */
  readonly httpPort: number;
  /** The port for the other nodes, and for health checks and metrics. */
  readonly clusterPort: number;
  /** `host:port` of every node there is to be, this one included: the same list for all. */
  readonly seeds: readonly string[];
  /** The SQLite file that all nodes share. */
  readonly db: string;
  /** Worker threads. */
  readonly workers: number;
  /** How soon a lost node is given up. */
  readonly profile: Profile;
  /** Whether the node ends as soon as nobody holds its standard input open, and takes orders from there. */
  readonly hasParent: boolean;
}

/** See `cluster.profile`. */
export type Profile = "default" | "fast";

/** The command line that says `settings`. */
export function encodeSettings(settings: NodeSettings): readonly string[] {
  const { name, httpPort, clusterPort, seeds, db, workers, profile, hasParent } = settings;
  return [
    ...["--name", name, "--http-port", `${httpPort}`, "--cluster-port", `${clusterPort}`],
    ...["--seeds", seeds.join(","), "--db", db, "--workers", `${workers}`, "--profile", profile],
    ...(hasParent ? ["--with-parent"] : []),
  ];
}

/** Reads a command line. Throws with all that is wrong with it; what the runtime checks itself is left to it. */
export function decodeSettings(args: readonly string[]): NodeSettings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      name: { type: "string", default: "node" },
      "http-port": { type: "string", default: "8080" },
      "cluster-port": { type: "string", default: "7000" },
      seeds: { type: "string" },
      db: { type: "string", default: "bank.db" },
      workers: { type: "string", default: "1" },
      profile: { type: "string", default: "default" },
      "with-parent": { type: "boolean", default: false },
    },
  });
  const problems: string[] = [];
  const whole = (name: string, text: string, max: number): number => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(number <= max)) problems.push(`--${name} is ${text}; allowed is 0 to ${max}`);
    return number;
  };
  const clusterPort = whole("cluster-port", values["cluster-port"], 65_535);
  const profile = values.profile === "fast" ? "fast" : "default";
  if (profile !== values.profile) problems.push(`--profile is ${values.profile}; allowed are default and fast`);
  const settings: NodeSettings = {
    name: values.name,
    httpPort: whole("http-port", values["http-port"], 65_535),
    clusterPort,
    seeds: values.seeds?.split(",") ?? [`127.0.0.1:${clusterPort}`],
    db: values.db,
    workers: whole("workers", values.workers, 64),
    profile,
    hasParent: values["with-parent"],
  };
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return settings;
}
