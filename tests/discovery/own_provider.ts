/**
 * The provider that docs/DISCOVERY.md shows. Reads a file.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import type { DiscoveryProvider } from "../../discovery/provider.ts";

/** Finds the addresses in a file, one a line, as somebody else keeps it. */
export function fileDiscovery(path: string): DiscoveryProvider {
  return {
    kind: "file",
    open() {
      return Promise.resolve({
        async find({ signal }) {
          const text = await readFile(path, { encoding: "utf8", signal });
          return text.split("\n").filter((line) => line !== "");
        },
        async close() {},
      });
    },
  };
}
