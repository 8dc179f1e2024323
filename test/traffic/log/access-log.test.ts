// The lines of the access log: tables for both formats, and that no client can forge a line.

import { join } from 'node:path';
import { existsSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../../lib/routing/random.js';
import { type AccessRecord, formatAccess, openAccessLog } from '../../../lib/traffic/log/access-log.js';
import { until, withTempDir } from '../../support/brackets.js';

const test = suite('access log');

const silent = (): void => undefined;

const RECORD: AccessRecord = {
  id: '85972bd5-1f',
  clientAddress: '192.0.2.1',
  peerAddress: '10.0.0.9',
  method: 'GET',
  target: '/x?y=1',
  httpVersion: '1.1',
  grpcStatus: -1,
  host: 'example.org',
  status: 200,
  bytesOut: 123,
  bytesIn: 0,
  userAgent: 'curl/8.5',
  referer: 'https://example.org/',
  queueMs: 0,
  connectMs: 1.2,
  firstByteMs: 3.4567,
  totalMs: 4.4,
  routeLine: 0,
  pool: 'default',
  hostName: 'h1',
  attempts: 1,
  outcome: 'ok',
  code: '',
  reason: '',
  isTls: false,
  startedEpochMs: Date.UTC(2026, 10, 24, 16, 30, 0, 250),
};

/** A request whose request line was not even read. */
const NOTHING: AccessRecord = {
  ...RECORD,
  id: '',
  clientAddress: '',
  method: '',
  target: '',
  httpVersion: '1.0',
  host: '',
  status: 0,
  bytesOut: 0,
  userAgent: '',
  referer: '',
  queueMs: Number.NaN,
  connectMs: Number.NaN,
  firstByteMs: Number.NaN,
  totalMs: Number.NaN,
  pool: '',
  hostName: '',
  attempts: 0,
  outcome: '',
  isTls: true,
};

const common = (record: Partial<AccessRecord>) => formatAccess('common', { ...RECORD, ...record });
const json = (record: Partial<AccessRecord>) => JSON.parse(formatAccess('json', { ...RECORD, ...record })) as Record<string, unknown>;

test('common is the combined format, followed by name=value pairs', () => {
  assert.is(
    common({}),
    '192.0.2.1 - - [24/Nov/2026:16:30:00 +0000] "GET /x?y=1 HTTP/1.1" 200 123 "https://example.org/" "curl/8.5"' +
      ' host=h1 attempts=1 queue=0 connect=1 first=3 total=4 in=0 outcome=ok code=- reason="-" id=85972bd5-1f\n',
  );
});

test('common writes - and 000 for missing values', () => {
  assert.is(
    common(NOTHING),
    '- - - [24/Nov/2026:16:30:00 +0000] "-" 000 0 "-" "-" host=- attempts=0 queue=- connect=- first=- total=- in=0 outcome=- code=- reason="-" id=-\n',
  );
});

test('common has the date of each record, whatever the date of the last one', () => {
  const dateOf = (epochMs: number) => /\[(.*?)\]/.exec(common({ startedEpochMs: epochMs }))?.[1];
  const second = Date.UTC(2024, 1, 29, 23, 59, 59);
  assert.is(dateOf(second), '29/Feb/2024:23:59:59 +0000');
  assert.is(dateOf(second + 999), '29/Feb/2024:23:59:59 +0000');
  assert.is(dateOf(second + 1000), '01/Mar/2024:00:00:00 +0000');
  assert.is(dateOf(second), '29/Feb/2024:23:59:59 +0000');
});

test('json has stable names, units in names, and null for stages that were not reached', () => {
  assert.equal(json({}), {
    time: '2026-11-24T16:30:00.250Z',
    client: '192.0.2.1',
    peer: '10.0.0.9',
    method: 'GET',
    target: '/x?y=1',
    http_version: '1.1',
    host_header: 'example.org',
    status: 200,
    grpc_status: null,
    bytes_out: 123,
    bytes_in: 0,
    referer: 'https://example.org/',
    user_agent: 'curl/8.5',
    route: null,
    pool: 'default',
    host: 'h1',
    attempts: 1,
    queue_ms: 0,
    connect_ms: 1.2,
    first_byte_ms: 3.457,
    total_ms: 4.4,
    outcome: 'ok',
    code: '',
    reason: '',
    tls: false,
    id: '85972bd5-1f',
  });
  assert.is(json({ grpcStatus: 0 }).grpc_status, 0);
  assert.is(json({ grpcStatus: 14 }).grpc_status, 14);
  const nothing = json(NOTHING);
  assert.equal([nothing['queue_ms'], nothing['connect_ms'], nothing['first_byte_ms'], nothing['total_ms']], [null, null, null, null]);
  assert.equal([json({ routeLine: 12, pool: 'api' }).route, json({ routeLine: 12, pool: 'api' }).pool, nothing.pool], [12, 'api', '']);
  assert.equal([nothing['http_version'], nothing['status'], nothing['tls']], ['1.0', 0, true]);
});

test('text from a client is escaped byte by byte', () => {
  const table: readonly [string, string][] = [
    ['"', '\\x22'],
    ['\\', '\\x5c'],
    ['\\x22', '\\x5cx22'],
    ['\r\n', '\\x0d\\x0a'],
    ['\0', '\\x00'],
    ['\t', '\\x09'],
    ['\u001b[2J', '\\x1b[2J'],
    ['\u007f', '\\x7f'],
    ['\u009b31m', '\\x9b31m'],
    ['Ã©', '\\xc3\\xa9'],
    ['ÿ', '\\xff'],
    ['€', '\\xe2\\x82\\xac'],
    ['😀', '\\xf0\\x9f\\x98\\x80'],
    ['\ud800', '\\xef\\xbf\\xbd'],
    ["a b!#$%&'()*+,-./:;<=>?@[]^_`{|}~", "a b!#$%&'()*+,-./:;<=>?@[]^_`{|}~"],
  ];
  for (const [text, escaped] of table) {
    const bare = escaped.replaceAll(' ', '\\x20');
    assert.ok(common({ userAgent: text }).includes(`"https://example.org/" "${escaped}" host=`), text);
    assert.ok(common({ referer: text }).includes(` 123 "${escaped}" "curl/8.5"`), text);
    assert.ok(common({ target: text }).includes(`"GET ${bare} HTTP/1.1"`), text);
    assert.ok(common({ method: text }).includes(`"${bare} /x?y=1 HTTP/1.1"`), text);
    assert.ok(common({ hostName: text }).includes(` host=${bare} attempts`), text);
    assert.is(json({ userAgent: text })['user_agent'], text);
  }
});

test('no field can forge a line or another field', () => {
  const forged = `" 200 5 "-" "-" host=h9 outcome=ok\n${common({ clientAddress: '203.0.113.9' })}`;
  const fields = [
    'clientAddress',
    'method',
    'target',
    'host',
    'userAgent',
    'referer',
    'hostName',
    'outcome',
    'code',
    'reason',
    'id',
  ] as const;
  const shape =
    /^\S+ - - \[[^\]]+\] "[^" ]+ [^" ]+ HTTP\/1\.1" 200 123 "[^"]*" "[^"]*" host=\S+ attempts=1 queue=0 connect=1 first=3 total=4 in=0 outcome=\S+ code=\S+ reason="[^"]*" id=\S+\n$/;
  for (const field of fields) {
    assert.match(common({ [field]: forged }), shape, field);
    assert.is(
      formatAccess('json', { ...RECORD, [field]: forged }).indexOf('\n'),
      formatAccess('json', { ...RECORD, [field]: forged }).length - 1,
      field,
    );
  }
});

test('for any input a line is printable ASCII with one line end, and JSON decodes to the input', () => {
  const random = new Random(7);
  for (let round = 0; round < 5000; round++) {
    const text = String.fromCharCode(...Array.from({ length: random.below(30) }, () => random.below(round % 2 === 0 ? 256 : 65_536)));
    const record = { ...RECORD, target: text, userAgent: text, referer: text, host: text, reason: text };
    for (const format of ['common', 'json'] as const) assert.match(formatAccess(format, record), /^[ -~]+\n$/);
    assert.is(json(record)['target'], text);
  }
});

test('off opens nothing; a file receives lines in its format, also after rotation', async () => {
  assert.is(
    openAccessLog('off', '/nowhere/at/all', silent, () => undefined),
    undefined,
  );
  await withTempDir(async (dir) => {
    const file = join(dir, 'access.log');
    const log = openAccessLog('json', file, silent, () => assert.unreachable('dropped'));
    log?.write(RECORD);
    renameSync(file, `${file}.1`);
    log?.reopen();
    log?.write({ ...RECORD, status: 404 });
    await log?.close();
    assert.is((JSON.parse(readFileSync(`${file}.1`, 'utf8')) as { status: number }).status, 200);
    assert.is((JSON.parse(readFileSync(file, 'utf8')) as { status: number }).status, 404);
  });
});

test('a full disk is reported once, with file and reason, and so is its end; what is lost is counted', async () => {
  if (!existsSync('/dev/full')) return;
  await withTempDir(async (dir) => {
    const file = join(dir, 'access.log');
    symlinkSync('/dev/full', file);
    const told: string[] = [];
    let dropped = 0;
    const log = openAccessLog(
      'json',
      file,
      (level, message, fields) => void told.push(`${level}: ${message} ${JSON.stringify(fields)}`),
      () => dropped++,
    );
    for (let i = 0; i < 100; i++) log?.write(RECORD);
    await until(() => told.length > 0, { timeoutMs: 10_000, what: 'the warning' });
    // It is tried again several times.
    await new Promise((resolve) => void setTimeout(resolve, 300));
    rmSync(file);
    log?.reopen();
    log?.write(RECORD);
    await until(() => told.length > 1, { timeoutMs: 10_000, what: 'the end of it' });
    await log?.close();
    assert.equal(told, [
      `warn: the access log cannot be written: further lines are kept while there is room, then lost {"file":"${file}","reason":"its file system is full"}`,
      `info: the access log is written again {"file":"${file}"}`,
    ]);
    assert.is(dropped, 100);
    assert.is(readFileSync(file, 'utf8'), formatAccess('json', RECORD));
  });
});

test('a file that cannot be opened is refused with a message that names the flag', () => {
  assert.throws(
    () => openAccessLog('common', '/nowhere/at/all', silent, () => undefined),
    /^--access-log-file \/nowhere\/at\/all: its directory does not exist$/,
  );
});

test.run();
