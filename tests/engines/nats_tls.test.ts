import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { natsDiscovery, type NatsDiscoveryOptions } from "../../discovery/nats.ts";
import { type OpenDiscovery, openDiscovery } from "../../discovery/open_discovery.ts";
import { failureOf } from "../discovery/awaiting.ts";
import { quietLog } from "../fixtures/quiet_log.ts";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { NatsServerOfTest, testsWith } from "./nats_server.ts";

const SELF = "10.1.0.1:3320";

testsWith(["nats-server", "openssl"], "natsDiscovery() by TLS", () =>
  describe("natsDiscovery() by TLS", () => {
    let own: Certificates;
    let plain: NatsServerOfTest;
    let demanding: NatsServerOfTest;
    const opened: OpenDiscovery[] = [];
    before(async () => {
      own = makeCertificates();
      const files = { "cert.pem": own.server.cert, "key.pem": own.server.key, "ca.pem": own.ca };
      const tls = 'cert_file: "FOLDER/cert.pem", key_file: "FOLDER/key.pem", ca_file: "FOLDER/ca.pem"';
      plain = await NatsServerOfTest.start(`tls { ${tls} }`, files);
      demanding = await NatsServerOfTest.start(`tls { ${tls}, verify: true }`, files);
    });
    after(async () => {
      await plain.dispose();
      await demanding.dispose();
    });
    afterEach(() => Promise.all(opened.splice(0).map((discovery) => discovery.close(5_000))));
    const open = async (options: NatsDiscoveryOptions, timeoutMs = 20_000): Promise<OpenDiscovery> => {
      const context = { system: "bank", self: SELF, log: quietLog, wait: { timeoutMs } };
      const discovery = await openDiscovery(natsDiscovery(options), context);
      opened.push(discovery);
      return discovery;
    };
    const find = (discovery: OpenDiscovery) => discovery.find({ timeoutMs: 20_000 });

    it("a server whose authority is named is trusted", async () => {
      assert.deepEqual(await find(await open({ servers: plain.url, tls: { ca: own.ca } })), [SELF]);
      const byName = plain.url.replace("127.0.0.1", "localhost");
      assert.deepEqual(await find(await open({ servers: byName, tls: { ca: own.ca } })), [SELF]);
    });

    it("a server that nobody has named is not, whether or not TLS was asked for", async () => {
      for (const options of [{}, { tls: {} }, { tls: { ca: makeCertificates().ca } }]) {
        const { message } = await failureOf(open({ servers: plain.url, ...options }));
        assert.match(message, /certificate|issuer|UnknownIssuer/i);
      }
    });

    it("a node's own certificate is shown to a server that demands one", async () => {
      const { cert, key } = own.client;
      const node = await open({ servers: demanding.url, tls: { ca: own.ca, cert, key } });
      assert.deepEqual(await find(node), [SELF]);
    });

    it("a certificate that is missing, or of another authority, fails open() by its deadline", async () => {
      const { cert, key } = makeCertificates().client;
      for (const tls of [{ ca: own.ca }, { ca: own.ca, cert, key }]) {
        await failureOf(open({ servers: demanding.url, tls }, 1_500));
      }
    });

    it("a server without TLS is none where TLS was asked for", async () => {
      const bare = await NatsServerOfTest.start();
      try {
        assert.match((await failureOf(open({ servers: bare.url, tls: {} }))).message, /does not support 'tls'/);
      } finally {
        await bare.dispose();
      }
    });

    it("a file that isn't there fails open() with its name", async () => {
      const tls = { caFile: "/nowhere/ca.pem" };
      assert.match((await failureOf(open({ servers: plain.url, tls }))).message, /\/nowhere\/ca\.pem/);
    });
  }));
