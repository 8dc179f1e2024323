// The endpoint, the share and the headers of traces: what is wrong names the flag or variable, and never the secret.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OTLP_HEADERS_VARIABLE, parseOtlpEndpoint, parsePercent, readOtlpHeaders } from '../../lib/config/otlp.js';
import { MeercatError } from '../../lib/errors.js';

const test = suite('config: traces');

function refusalOf(read: () => unknown): string {
  try {
    return `accepted: ${JSON.stringify(read())}`;
  } catch (error) {
    assert.instance(error, MeercatError);
    return (error as MeercatError).message;
  }
}

test('an endpoint without a path gets the path of traces; another one is kept', () => {
  assert.is(parseOtlpEndpoint('--otlp-endpoint', 'http://127.0.0.1:4318'), 'http://127.0.0.1:4318/v1/traces');
  assert.is(parseOtlpEndpoint('--otlp-endpoint', ' https://c.example/otlp/x?y=1 '), 'https://c.example/otlp/x?y=1');
});

test('what is no address of a collector is refused, by the name of the flag', () => {
  for (const text of ['', 'collector:4318', 'grpc://c:4317', 'http://', 'http://c/#x', 'javascript:alert(1)'])
    assert.match(
      refusalOf(() => parseOtlpEndpoint('--otlp-endpoint', text)),
      /^--otlp-endpoint: the URL of an OpenTelemetry collector/,
      text,
    );
  const withPassword = refusalOf(() => parseOtlpEndpoint('--otlp-endpoint', 'http://me:hunter2@c:4318'));
  assert.match(withPassword, new RegExp(`put credentials into ${OTLP_HEADERS_VARIABLE}`));
  assert.not.match(withPassword, /hunter2/);
});

test('a share is a percentage with or without its sign', () => {
  for (const [text, percent] of [
    ['1%', 1],
    ['0.1 %', 0.1],
    ['100', 100],
    ['0', 0],
  ] as const)
    assert.is(parsePercent('--trace-sample', text), percent);
  for (const text of ['', '-1%', '101%', 'NaN', '1e1', '1/100', '%', 'all'])
    assert.match(
      refusalOf(() => parsePercent('--trace-sample', text)),
      /^--trace-sample: a percentage from 0% to 100%/,
      text,
    );
});

test('headers are read as those of OpenTelemetry, percent-encoded', () => {
  assert.equal(readOtlpHeaders(''), {});
  assert.equal(readOtlpHeaders('authorization=Bearer%20abc, x-org = a%2Cb ,'), { authorization: 'Bearer abc', 'x-org': 'a,b' });
});

test('headers that are malformed, or the export’s own, are refused without their text', () => {
  for (const text of ['secret', '=secret', 'a b=secret', 'x=%zzsecret', 'x=se%0d%0acret', 'Content-Length=7secret', 'host=secret'])
    assert.is.not(refusalOf(() => readOtlpHeaders(text)).startsWith('accepted'), true, text);
  assert.not.match(
    refusalOf(() => readOtlpHeaders('x=%zzsecret')),
    /secret/,
  );
  assert.match(
    refusalOf(() => readOtlpHeaders(Array.from({ length: 33 }, (_, i) => `x${i}=1`).join())),
    new RegExp(`^${OTLP_HEADERS_VARIABLE}: at most 32 headers`),
  );
});

test.run();
