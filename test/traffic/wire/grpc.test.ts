// What is a call of gRPC, when its deadline is, how it ended, and how our own answers say so.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ANSWERS, type AnswerCode } from '../../../lib/traffic/wire/answers.js';
import {
  grpcEndOf,
  grpcTimeoutLine,
  grpcTimeoutMs,
  isGrpc,
  isGrpcCall,
  NO_GRPC_STATUS,
  readGrpcStatus,
} from '../../../lib/traffic/wire/grpc.js';

const test = suite('gRPC');

test('gRPC is known by its content type, in any case and with any format', () => {
  for (const type of [
    'application/grpc',
    'application/grpc+proto',
    'application/grpc+json',
    'Application/GRPC;a=b',
    'application/grpc ;a=b',
  ])
    assert.ok(isGrpc(['accept', 'a', 'Content-Type', type]), type);
  for (const type of ['application/grpc-web', 'application/grpc-web+proto', 'application/grpcs', 'text/plain', 'xapplication/grpc', ''])
    assert.not(isGrpc(['content-type', type]), type);
  assert.not(isGrpc(['accept-types', 'application/grpc']));
  assert.not(isGrpc([]));
});

test('only a POST over HTTP/2 is a call', () => {
  const headers = ['content-type', 'application/grpc'];
  assert.ok(isGrpcCall({ version: '2.0', method: 'POST', headers }));
  assert.not(isGrpcCall({ version: '1.1', method: 'POST', headers }));
  assert.not(isGrpcCall({ version: '2.0', method: 'GET', headers }));
  assert.not(isGrpcCall({ version: '2.0', method: 'POST', headers: [] }));
});

test('a timeout is a number of up to eight digits and a unit', () => {
  for (const [value, ms] of [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['4m', 4],
    ['5u', 0.005],
    ['6n', 0.000_006],
    ['0S', 0],
    ['007S', 7000],
    ['99999999m', 99_999_999],
    ['99999999H', 99_999_999 * 3_600_000],
  ] as const)
    assert.ok(Math.abs(grpcTimeoutMs(['grpc-timeout', value]) / ms - 1) < 1e-9 || grpcTimeoutMs(['grpc-timeout', value]) === ms, value);
});

test('a call without a timeout, with a malformed one or with two has no limit', () => {
  for (const value of ['', '1', 'S', '1s', '1h', '-1S', '+1S', '1.5S', ' 1S', '1S ', '1 S', '100000000m', '1SS', '0x1S', '١S', '1S, 2S'])
    assert.is(grpcTimeoutMs(['grpc-timeout', value]), Number.POSITIVE_INFINITY, value);
  assert.is(grpcTimeoutMs(['grpc-timeouts', '1S']), Number.POSITIVE_INFINITY);
  assert.is(grpcTimeoutMs(['grpc-timeout', '1S', 'grpc-timeout', '2S']), Number.POSITIVE_INFINITY);
  assert.is(grpcTimeoutMs(['grpc-timeout', 'x', 'grpc-timeout', '2S']), Number.POSITIVE_INFINITY);
});

test('what is left of a timeout is written so that it can be read again, and is never less', () => {
  for (const [ms, line] of [
    [0.001, '1m'],
    [1, '1m'],
    [1.2, '2m'],
    [99_999_999, '99999999m'],
    [100_000_000, '1667M'],
    [1e15, '99999999M'],
  ] as const) {
    assert.is(grpcTimeoutLine(ms), `\r\ngrpc-timeout: ${line}`);
    if (ms < 1e15) assert.ok(grpcTimeoutMs(['grpc-timeout', line]) >= ms);
  }
});

test('a status is 0 to 16, and anything else is UNKNOWN', () => {
  for (let status = 0; status <= 16; status++) assert.is(readGrpcStatus(['a', 'b', 'grpc-status', String(status)]), status);
  for (const value of ['', '17', '-1', '00', '01', ' 1', '1 ', '1.0', '100', 'OK', '1,1'])
    assert.is(readGrpcStatus(['grpc-status', value]), 2, value);
  assert.is(readGrpcStatus(['grpc-status', '0', 'grpc-status', '0']), 2);
  assert.is(readGrpcStatus(['grpc-message', '0']), NO_GRPC_STATUS);
  assert.is(readGrpcStatus([]), NO_GRPC_STATUS);
});

test('each of our answers has a status other than OK, and a message that needs no encoding', () => {
  for (const code of Object.keys(ANSWERS) as AnswerCode[]) {
    const { status, fields } = grpcEndOf(code);
    assert.ok(status >= 1 && status <= 16, code);
    const [statusName, statusText, messageName, message = ''] = fields;
    assert.equal([statusName, statusText, messageName], ['grpc-status', String(status), 'grpc-message']);
    assert.ok(message.startsWith(`${code}: `));
    assert.match(message, /^[ -$&-~]+$/, code);
  }
});

test('what may be tried again is UNAVAILABLE, what was late DEADLINE_EXCEEDED, and a limit RESOURCE_EXHAUSTED', () => {
  for (const [code, status] of [
    ['MEERCAT_NO_HOST', 14],
    ['MEERCAT_HOST_UNREACHABLE', 14],
    ['MEERCAT_BUSY', 14],
    ['MEERCAT_MAINTENANCE', 14],
    ['MEERCAT_HOST_TIMEOUT', 4],
    ['MEERCAT_REQUEST_TIMEOUT', 4],
    ['MEERCAT_RATE_LIMITED', 8],
    ['MEERCAT_BODY_TOO_LARGE', 8],
    ['MEERCAT_NO_ROUTE', 12],
    ['MEERCAT_BAD_RESPONSE', 13],
    ['MEERCAT_INTERNAL', 13],
  ] as const)
    assert.is(grpcEndOf(code).status, status, code);
});

test.run();
