/**
 * Free ports of this machine. Opens and closes sockets.
 *
 * @module
 */
import { createServer } from "node:net";

/** Ports that are free now. Somebody else may take one before its node does: then the start fails, and says so. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(servers.map((server) =>
    new Promise<number>((resolve, reject) => {
      server.once("error", reject);
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    })
  ));
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}
