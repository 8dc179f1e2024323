// Signatures: whatever is changed in a message, its place, its sender or its key is noticed; each message counts once; keys
// are changed without a message that is lost. Texts, names and changes are drawn at random.

import { createHmac, hkdfSync } from 'node:crypto';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { agentKeysOf, type KeyKind, KeyRing, newFleetKey, operatorKeysOf, type SenderRole } from '../../lib/redis/fleet-key.js';
import { FRESH_FOR_MS, MessageChecker, MessageSigner } from '../../lib/redis/sign.js';
import { splitSignature } from '../../lib/redis/signature.js';

const test = suite('signatures');

const [OLD, NEW] = ['11'.repeat(32), '22'.repeat(32)];
const PLACE = 'meercat:load';
const ALL: readonly SenderRole[] = ['master', 'balancer', 'agent', 'operator'];
const NOW = 1_764_500_000_000_000;

const ringOf = (text: string, kinds: readonly KeyKind[] = ['fleet', 'agent', 'operator']): KeyRing => new KeyRing('the file', text, kinds);

/** Rings that no test changes: to derive keys takes most of a check's time. */
const rings = new Map<string, KeyRing>();
const sharedRing = (text: string): KeyRing => {
  const ring = rings.get(text) ?? ringOf(text);
  rings.set(text, ring);
  return ring;
};

/** What comes of a message: `ok`, or why it was refused. */
function outcomeOf(checker: MessageChecker, whole: string, place = PLACE, roles: readonly SenderRole[] = ALL): string {
  const checked = checker.check(place, whole, { roles, maxLength: 1 << 20 });
  return checked.ok ? 'ok' : checked.reason;
}

const signerOf = (key: string, name = 'b1', nowMicros = () => NOW): MessageSigner => new MessageSigner(sharedRing(key), name, nowMicros);
const checkerOf = (key: string, nowMicros = () => NOW): MessageChecker => new MessageChecker(sharedRing(key), nowMicros);

/** One line, as all messages are; with what looks like a signature too. */
const texts = fc.oneof(fc.json(), fc.string(), fc.string({ unit: 'binary' }), fc.constant('{} sig=1 key=00000000 role=master')).map(
  // A lone surrogate has no UTF-8, and JSON never holds one.
  (text) => Buffer.from(text).toString(),
);

test('a message comes out as it went in, with who sent it', () => {
  fc.assert(
    fc.property(texts, fc.constantFrom('master', 'balancer', 'operator'), fc.nat(), (text, role, term) => {
      const whole = signerOf(OLD).sign(PLACE, text, role as SenderRole, term);
      assert.ok(whole.startsWith(`${text} sig=1 key=`), 'readable');
      const checked = checkerOf(OLD).check(PLACE, whole, { roles: ALL, maxLength: 1 << 20 });
      assert.ok(checked.ok);
      assert.is(checked.text, text);
      assert.equal([checked.by?.role, checked.by?.sender, checked.by?.term, checked.by?.seq], [role, 'b1', term, NOW]);
    }),
  );
});

test('any bit that is flipped is noticed', () => {
  const whole = Buffer.from(signerOf(OLD).sign(PLACE, '{"v":1,"balancer":"b1","seq":7}', 'master', 3));
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const flipped = Buffer.from(whole);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.is.not(outcomeOf(checkerOf(OLD), flipped.toString()), 'ok', `bit ${bit}: ${flipped.toString()}`);
  }
  assert.is(outcomeOf(checkerOf(OLD), whole.toString()), 'ok');
});

test('whatever is changed, added or left out is noticed', () => {
  fc.assert(
    fc.property(texts, fc.nat(), fc.nat({ max: 9 }), texts, (text, at, length, put) => {
      const whole = signerOf(OLD).sign(PLACE, text, 'balancer');
      const from = at % (whole.length + 1);
      const changed = whole.slice(0, from) + put + whole.slice(from + length);
      fc.pre(changed !== whole);
      assert.is.not(outcomeOf(checkerOf(OLD), changed), 'ok');
    }),
    { numRuns: 1000 },
  );
});

test('a message counts at its place alone: not in another channel, key or namespace', () => {
  const whole = signerOf(OLD).sign(PLACE, '{}', 'balancer');
  for (const place of ['meercat:stats', 'shop:load', 'meercat:load ', 'meercat:loa', ''])
    assert.is(outcomeOf(checkerOf(OLD), whole, place), 'altered', place);
  // What begins a text can't end a place.
  const shifted = signerOf(OLD).sign('a', 'b\nc', 'balancer');
  assert.is(outcomeOf(checkerOf(OLD), shifted, 'a'), 'ok');
});

test('the signature is HMAC-SHA256 with a key by HKDF-SHA256, as anybody can compute', () => {
  const whole = signerOf(OLD).sign(PLACE, '{"v":1}', 'balancer');
  const key = Buffer.from(hkdfSync('sha256', Buffer.from(OLD, 'hex'), 'meercat', 'balancer', 32));
  const [covered, mac] = whole.split(' mac=') as [string, string];
  assert.is(createHmac('sha256', key).update(`meercat:load\n${covered}`).digest('base64url'), mac);
  assert.match(covered, /^\{"v":1\} sig=1 key=[0-9a-f]{8} role=balancer from=b1 run=[0-9a-f]{8} seq=1764500000000000$/);
});

/** Made by the version that introduced the fleet key; the last one holds what takes two and four bytes as UTF-8. */
const FROM_THE_FIRST_VERSION: readonly (readonly [place: string, whole: string])[] = [
  [
    'meercat:stats',
    '{"v":1,"term":7} sig=1 key=931b2cef role=master from=b1 run=e6607ac5 term=7 seq=1764500000000000 open mac=Yu5sn6u7qQxo7CXaD3WUy2Byjl4ro0xuE4oQlv_aiPs',
  ],
  [
    'meercat:reports',
    '{"v":1,"host":"web-1"} sig=1 key=931b2cef role=agent from=web-1 run=e6bd6b6c scope=web-* seq=1764500000000000 mac=8Rg-3RHcgWLgmT4zLnWsL5qUFk5VNHTK2KKmADg2KbE',
  ],
  [
    'meercat:settings host:h1',
    'drained sig=1 key=931b2cef role=operator from=operator run=0fa0a5d1 seq=1764500000000000 mac=C1_6T1wlHTvbXEOzmWBLMgdzEcGKZ_lYJISmnMxuPSI',
  ],
  [
    'meercat:load',
    '{"v":1,"balancer":"b2","note":"žluťoučký 🐈"} sig=1 key=931b2cef role=balancer from=b2 run=365d3450 seq=1764500000000000 mac=32pptIG1WGZWvt-4imEBe_gw2s1AEZM9f6Blc7ZFlwo',
  ],
];

test('what the first version with a fleet key signed is still understood', () => {
  for (const [place, whole] of FROM_THE_FIRST_VERSION) {
    assert.is(outcomeOf(checkerOf(OLD), whole, place), 'ok', whole);
    assert.is(outcomeOf(checkerOf(OLD), whole.replace(/mac=./, 'mac=A'), place), 'altered', whole);
  }
});

test('who may not say something is refused, whatever key it has', () => {
  for (const role of ['master', 'balancer', 'operator'] as const)
    for (const allowed of ALL) {
      const whole = signerOf(OLD).sign(PLACE, '{}', role);
      assert.is(outcomeOf(checkerOf(OLD), whole, PLACE, [allowed]), role === allowed ? 'ok' : 'role');
      assert.is(outcomeOf(checkerOf(OLD), whole.replace(`role=${role}`, 'role=agent')), 'altered');
    }
});

test("an agent's key signs for its host alone, and for the role of an agent alone", () => {
  const key = (host: string): string => agentKeysOf('', OLD, host).join('\n');
  const sign = (keyText: string, name: string): string => signerOf(keyText, name).sign(PLACE, '{}', 'agent');
  const one = sign(key('h1'), 'h1');
  assert.is(outcomeOf(checkerOf(OLD), one), 'ok');
  assert.is(outcomeOf(checkerOf(OLD), sign(key('h1'), 'h2')), 'role');
  // To claim a wider scope takes its key.
  for (const scope of ['h2', 'h*', '*']) assert.is(outcomeOf(checkerOf(OLD), one.replace('scope=h1', `scope=${scope}`)), 'altered', scope);
  for (const [name, expected] of [
    ['web-1', 'ok'],
    ['web-', 'ok'],
    ['we', 'role'],
    ['xweb-1', 'role'],
  ] as const)
    assert.is(outcomeOf(checkerOf(OLD), sign(key('web-*'), name)), expected, name);
  // With the agent's key nothing else can be signed, and nothing be checked.
  for (const role of ['master', 'balancer', 'operator'] as const) assert.is(signerOf(key('h1'), 'h1').sign(PLACE, '{}', role), '{}');
  assert.is(outcomeOf(checkerOf(key('h1')), signerOf(OLD).sign(PLACE, '{}', 'master')), 'role');
});

test("an operator's key signs and checks what operators say, and nothing else", () => {
  const key = operatorKeysOf('', OLD).join('\n');
  assert.is(outcomeOf(checkerOf(OLD), signerOf(key).sign(PLACE, '{}', 'operator')), 'ok');
  for (const role of ['master', 'balancer', 'agent'] as const) assert.is(signerOf(key).sign(PLACE, '{}', role), '{}');
  assert.is(outcomeOf(checkerOf(key), signerOf(OLD).sign(PLACE, '{}', 'operator')), 'ok');
  assert.is(outcomeOf(checkerOf(key), signerOf(OLD).sign(PLACE, '{}', 'master')), 'role');
});

test('a message counts once, also when others overtook it by up to a second; later it does not count at all', () => {
  let now = NOW;
  const signer = signerOf(OLD, 'b1', () => now);
  const send = (micros: number): string => {
    now = micros;
    return signer.sign(PLACE, '{}', 'balancer');
  };
  const [first, second, third, fourth] = [send(NOW), send(NOW + 400_000), send(NOW + 800_000), send(NOW + 1_500_000)] as const;
  const checker = checkerOf(OLD, () => NOW + 2_000_000);
  const outcomes = [first, third, second, second, first, third, fourth, second].map((whole) => outcomeOf(checker, whole));
  assert.equal(outcomes, ['ok', 'ok', 'ok', 'replayed', 'replayed', 'replayed', 'ok', 'replayed']);
  // One that nobody saw, but far behind.
  assert.is(outcomeOf(checkerOf(OLD), second), 'ok');
  const late = checkerOf(OLD, () => NOW + 2_000_000);
  assert.equal(
    [fourth, second].map((whole) => outcomeOf(late, whole)),
    ['ok', 'replayed'],
  );
  // Another channel has its own numbers.
  assert.is(outcomeOf(checker, signer.sign('meercat:events', '{}', 'balancer'), 'meercat:events'), 'ok');
});

test('in whatever order messages come, none counts twice', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 30 }), { maxLength: 100 }), (order) => {
      const signer = signerOf(OLD);
      const messages = Array.from({ length: 31 }, () => signer.sign(PLACE, '{}', 'balancer'));
      const checker = checkerOf(OLD);
      const counted = order.filter((index) => outcomeOf(checker, messages[index] as string) === 'ok');
      assert.equal(counted.toSorted(), [...new Set(order)].toSorted());
    }),
  );
});

test('a number grows also when the clock is set back, and a restarted sender is heard whatever its clock says', () => {
  let now = NOW;
  const signer = signerOf(OLD, 'b1', () => now);
  const checker = checkerOf(OLD);
  for (const step of [0, 0, -30_000_000, 5, -1]) {
    now += step;
    assert.is(outcomeOf(checker, signer.sign(PLACE, '{}', 'balancer')), 'ok');
  }
  assert.is(outcomeOf(checker, signerOf(OLD, 'b1', () => NOW - 50_000_000).sign(PLACE, '{}', 'balancer')), 'ok');
});

test('what is older or newer than a minute does not count; a stored message may be older, and be read again', () => {
  for (const [byMs, expected] of [
    [-FRESH_FOR_MS - 1, 'clock'],
    [-FRESH_FOR_MS, 'ok'],
    [FRESH_FOR_MS, 'ok'],
    [FRESH_FOR_MS + 1, 'clock'],
  ] as const)
    assert.is(
      outcomeOf(checkerOf(OLD), signerOf(OLD, 'b1', () => NOW + byMs * 1000).sign(PLACE, '{}', 'balancer')),
      expected,
      String(byMs),
    );
  const stored = signerOf(OLD, 'b1', () => NOW - 110_000_000).sign(PLACE, '{}', 'master');
  const checker = checkerOf(OLD);
  const read = (maxAgeMs: number): boolean => checker.check(PLACE, stored, { roles: ALL, maxLength: 9, maxAgeMs, isStored: true }).ok;
  assert.equal([read(120_000), read(120_000), read(100_000), read(Number.POSITIVE_INFINITY)], [true, true, false, true]);
});

test('while two keys are valid both count, and after that the new one alone', () => {
  const steps = [
    { file: OLD, signs: OLD, counts: [true, false] },
    { file: `${OLD}\n${NEW}`, signs: OLD, counts: [true, true] },
    { file: `# rotated\n${NEW}   # the new one\n\n${OLD}\n`, signs: NEW, counts: [true, true] },
    { file: NEW, signs: NEW, counts: [false, true] },
  ];
  const ring = ringOf(OLD);
  const [signer, checker] = [new MessageSigner(ring, 'b1'), new MessageChecker(ring)];
  for (const { file, signs, counts } of steps) {
    ring.replace('', file);
    const whole = signer.sign(PLACE, '{}', 'master');
    assert.is(splitSignature(whole)?.signature.keyId, ringOf(signs).ids[0]);
    assert.is(outcomeOf(checker, whole), 'ok');
    const others = [OLD, NEW].map((key) => outcomeOf(checker, new MessageSigner(ringOf(key), 'b2').sign(PLACE, '{}', 'master')));
    assert.equal(
      others,
      counts.map((isGood) => (isGood ? 'ok' : 'key')),
    );
    const agents = [OLD, NEW].map((key) =>
      outcomeOf(checker, new MessageSigner(ringOf(agentKeysOf('', key, 'h1')[0] as string), 'h1').sign(PLACE, '{}', 'agent')),
    );
    assert.equal(agents, others);
  }
});

test('unsigned messages count without a key, and with accept-unsigned; what is signed wrongly does not count then either', () => {
  const [strict, open, keyless] = [checkerOf(OLD), checkerOf(`accept-unsigned\n${OLD}`), new MessageChecker(new KeyRing())];
  assert.equal(
    [strict, open, keyless].map((checker) => outcomeOf(checker, '{}')),
    ['unsigned', 'ok', 'ok'],
  );
  const foreign = signerOf(NEW).sign(PLACE, '{}', 'master');
  assert.equal(
    [strict, open, keyless].map((checker) => outcomeOf(checker, foreign)),
    ['key', 'key', 'ok'],
  );
  const altered = signerOf(OLD).sign(PLACE, '{}', 'master').replace('{}', '[]');
  assert.equal(
    [strict, open, keyless].map((checker) => outcomeOf(checker, altered)),
    ['altered', 'altered', 'ok'],
  );
  const checked = keyless.check(PLACE, altered, { roles: [], maxLength: 99 });
  assert.is(checked.ok && checked.text, '[]', 'the signature is cut off');
  assert.is(new MessageSigner(new KeyRing(), 'b1').sign(PLACE, '{}', 'master'), '{}');
});

test('a message that is too long is not looked at', () => {
  const whole = signerOf(OLD).sign(PLACE, 'x'.repeat(5000), 'balancer');
  const checked = checkerOf(OLD).check(PLACE, whole, { roles: ALL, maxLength: 4000 });
  assert.is(checked.ok, false);
});

test('what is no key file is refused as a whole, without a character of it in the message', () => {
  const secret = newFleetKey();
  assert.match(secret, /^[0-9a-f]{64}$/);
  assert.is.not(secret, newFleetKey());
  const agent = agentKeysOf('', OLD, 'h1')[0] as string;
  for (const [text, message] of [
    [' ', /holds no key/],
    ['# nothing\n', /holds no key/],
    ['accept-unsigned', /holds no key/],
    [secret.slice(2), /line 1: a key has 32 to 256 bytes, and this has 31/],
    [`${OLD}\n${NEW}\n${secret}`, /3 keys, and at most 2/],
    [`${OLD}\n${OLD.toUpperCase()}`, /one key twice/],
    [`\n${secret} ${secret}`, /line 2: no key/],
    [agent, /line 1: this is an agent's key/],
    [operatorKeysOf('', OLD)[0] as string, /this is an operator's key/],
  ] as const) {
    assert.throws(
      () => new KeyRing('--fleet-key f', text),
      (error: Error) => message.test(error.message) && error.message.startsWith('--fleet-key f: ') && !/[0-9a-f]{16}/.test(error.message),
      text.slice(0, 40),
    );
  }
  assert.throws(() => new KeyRing('--agent-key f', secret, ['agent']), /an agent must not have/);
  for (const [text, ids] of [
    [Buffer.from(OLD, 'hex').toString('base64url'), ringOf(OLD).ids],
    [`${OLD}\r\n`, ringOf(OLD).ids],
  ] as const)
    assert.equal(ringOf(text).ids, ids);
});

test('a file that can not be used leaves the keys as they were', () => {
  const ring = ringOf(OLD);
  const whole = new MessageSigner(ring, 'b1').sign(PLACE, '{}', 'master');
  assert.throws(() => ring.replace('', 'nonsense'));
  assert.is(outcomeOf(new MessageChecker(ring), whole), 'ok');
});

test.run();
