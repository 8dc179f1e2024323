// What a client of gRPC gets from a balancer itself: a status and a message in trailers-only answers, which logs and
// figures know as the failures that they are.

import { readFileSync, writeFileSync } from 'node:fs';
import { connect, constants } from 'node:http2';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openTable } from '../../../lib/table/layout.js';
import { until, withTempDir } from '../../support/brackets.js';
import { withBalancer } from '../../support/fleet.js';
import { type RunningCall, withGrpcClient } from '../../support/grpc-client.js';
import { PATHS } from '../../support/grpc-host.js';

const test = suite('own answers to gRPC');

const PLAIN = { isH2cAccepted: true } as const;

test('without a host a call of any kind is UNAVAILABLE, and says why', () =>
  withBalancer(PLAIN, ({ port }) =>
    withGrpcClient(port, async (client) => {
      const [unary, sending, receiving, both] = [client.unary('x'), client.clientStream(), client.serverStream('x'), client.bidi()];
      sending.send('x');
      both.send('x');
      for (const { end } of [unary, sending, receiving, both]) {
        const { code, details, replies } = await end;
        assert.equal([code, details, replies.length], [14, 'MEERCAT_NO_HOST: no host can take this request', 0]);
      }
    }),
  ));

test('the answer is one HEADERS frame with status 200, the fields of gRPC and the id of the request', () =>
  withBalancer(PLAIN, async ({ port }) => {
    const session = connect(`http://127.0.0.1:${port}`);
    try {
      const stream = session.request({ ':method': 'POST', ':path': PATHS.unary, 'content-type': 'application/grpc+proto', te: 'trailers' });
      let flags = 0;
      const fields = await new Promise<Record<string, unknown>>((resolve, reject) => {
        stream.on('error', reject);
        stream.on('response', (said, seen) => {
          flags = seen;
          resolve(said);
        });
        stream.end(Buffer.alloc(5));
      });
      stream.resume();
      const { date, 'x-request-id': id, ...rest } = fields;
      assert.ok(Number.isFinite(Date.parse(String(date))));
      assert.match(String(id), /^[0-9a-f]{8}-1$/);
      assert.equal(rest, {
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': '14',
        'grpc-message': 'MEERCAT_NO_HOST: no host can take this request',
      });
      assert.ok((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0, 'the stream has ended');
    } finally {
      session.destroy();
    }
  }));

test('other requests over HTTP/2 still get an answer of HTTP', () =>
  withBalancer(PLAIN, async ({ port }) => {
    const session = connect(`http://127.0.0.1:${port}`);
    try {
      for (const [method, type] of [
        ['POST', 'application/grpc-web'],
        ['PUT', 'application/grpc'],
      ] as const) {
        const stream = session.request({ ':method': method, ':path': '/', 'content-type': type });
        const status = await new Promise((resolve, reject) => {
          stream.on('error', reject);
          stream.on('response', (said) => resolve(said[':status']));
          stream.end();
        });
        stream.resume();
        assert.is(status, 503, `${method} ${type}`);
      }
    } finally {
      session.destroy();
    }
  }));

test('the access log has the status of HTTP and that of gRPC, and the pool counts an error', () =>
  withTempDir((dir) =>
    withBalancer({ ...PLAIN, accessLog: 'json', accessLogFile: `${dir}/access.log` }, ({ port, balancer, counter }) =>
      withGrpcClient(port, async (client) => {
        await client.unary('x').end;
        const line = await until(() => readFileSync(`${dir}/access.log`, 'utf8').split('\n')[0], { what: 'a line' });
        const { http_version: version, status, grpc_status: grpcStatus, code, outcome } = JSON.parse(line) as Record<string, unknown>;
        assert.equal([version, status, grpcStatus, code, outcome], ['2.0', 200, 14, 'MEERCAT_NO_HOST', 'refused']);
        assert.is(openTable(balancer.table).poolErrors[0], 1);
        assert.is(counter('requests_failed'), 1);
      }),
    ),
  ));

test('what the site refuses has a status of gRPC: no route, no host, a rate limit; a body of the site for them is not sent', () =>
  withTempDir((dir) => {
    const siteFile = `${dir}/site.yaml`;
    writeFileSync(
      siteFile,
      `version: 1
pools:
  away:
    respond: { status: 503, body: back soon, type: text/plain }
  empty:
    answers: { "503": { body: nobody here, type: text/plain } }
routes:
  - match: { path: ${PATHS.unary} }
    to: away
  - match: { path: ${PATHS.clientStream} }
    to: empty
  - match: { path: ${PATHS.serverStream} }
    to: empty
    rateLimit: { requests: 1, per: 1h, key: route }
`,
    );
    return withBalancer({ ...PLAIN, siteFile }, ({ port, balancer }) =>
      withGrpcClient(port, async (client) => {
        const endOf = async ({ end }: RunningCall): Promise<readonly [number, string | undefined]> => {
          const { code, details } = await end;
          return [code, details.split(':')[0]];
        };
        // A fixed answer is sent as it is: the client translates its status.
        assert.equal(await endOf(client.unary('x')), [14, 'Received HTTP status code 503']);
        assert.equal(await endOf(client.clientStream()), [14, 'MEERCAT_NO_HOST']);
        assert.equal(await endOf(client.serverStream('x')), [14, 'MEERCAT_NO_HOST']);
        assert.equal(await endOf(client.serverStream('x')), [8, 'MEERCAT_RATE_LIMITED']);
        assert.equal(await endOf(client.bidi()), [12, 'MEERCAT_NO_ROUTE']);
        // As the same answers of HTTP do: 503 is an error, 429 and 404 are not.
        assert.is(
          openTable(balancer.table).poolErrors.reduce((sum, one) => sum + one, 0),
          3,
        );
      }),
    );
  }));

test.run();
