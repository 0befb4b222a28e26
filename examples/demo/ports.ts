/**
 * Ports that are free now and will be in a minute, when a node that was killed wants its own back. Touches sockets.
 *
 * @module
 */
import { createServer } from "node:net";

const HOST = "127.0.0.1";
/**
 * Below what systems give to connections that go out (from 32,768 on Linux, from 49,152 elsewhere): such a connection
 * could have taken the port of a dead node before its next life binds it.
 */
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;
/** Ports looked at before giving up. */
const LOOKS_MAX = 1_000;

/** `count` different free ports: beginning with `first`, or anywhere when it is 0. Rejects when one of them is taken. */
export async function freePorts(count: number, first: number = 0): Promise<readonly number[]> {
  const ports: number[] = [];
  if (first !== 0) {
    for (let port = first; port < first + count; port++) {
      if (!await isFree(port)) throw new Error(`Cannot listen on port ${port}: somebody else does`);
      ports.push(port);
    }
    return ports;
  }
  for (let look = 0; ports.length < count; look++) {
    if (look === LOOKS_MAX) throw new Error(`Cannot find ${count} free ports from ${PORT_MIN} to ${PORT_MAX}`);
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN));
    if (!ports.includes(port) && await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}
