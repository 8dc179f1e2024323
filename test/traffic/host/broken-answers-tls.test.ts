// Answers that break off on their way to a client over TLS whose end only the end of the connection tells: the client must
// see that they are not whole, the request must leave the books, and nobody else must notice.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../support/brackets.js';
import { withCertificates } from '../../support/certificates.js';
import { withBalancer } from '../../support/fleet.js';
import { withRaw } from '../../support/http-client.js';
import { hasHead } from '../../support/proxy.js';
import { withRawHost } from '../../support/raw-host.js';

const test = suite('broken answers, tls');

const CASES = [
  ['a GET of HTTP/1.0, in chunks', 'GET / HTTP/1.0\r\n\r\n', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', 'end'],
  ['a GET of HTTP/1.0, without a length', 'GET / HTTP/1.0\r\n\r\n', '\r\nhello', 'reset'],
] as const;

for (const [what, request, answer, how] of CASES) {
  for (const isHostTls of [false, true]) {
    test(`${what}, that breaks off${isHostTls ? ', from a host over TLS' : ''}`, () =>
      withCertificates((certificates) =>
        withRawHost(
          (connection) => {
            if (!hasHead(connection)) return;
            connection.text = '';
            connection.socket.write(`HTTP/1.1 200 OK\r\n${answer}`);
            setTimeout(() => (how === 'end' ? void connection.socket.end() : connection.reset()), 50);
          },
          ({ url }) =>
            withBalancer(
              {
                statics: [{ name: 'h', url }],
                hostCa: certificates.caFile,
                tlsCerts: [certificates.certFile],
                tlsKeys: [certificates.keyFile],
              },
              (each) =>
                withRaw(
                  each.port,
                  async (raw) => {
                    raw.send(request);
                    await raw.receives(/hello/);
                    await until(() => each.inflight().balancer === 0 && each.inflight().hosts === 0, {
                      what: 'the request to leave the books',
                    });
                    await until(() => raw.isClosed || raw.hasEnded, { timeoutMs: 5000, what: "the end of the client's connection" });
                    assert.is(raw.hasEnded, false, 'an orderly end would make the answer look whole');
                    assert.is(each.counter('internal_errors'), 0);
                  },
                  certificates.ca,
                ),
            ),
          isHostTls ? certificates : undefined,
        ),
      ));
  }
}

test.run();
