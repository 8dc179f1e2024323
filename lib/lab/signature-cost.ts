// What it costs to sign a message and to check one, by its length. Each checked message is a new one, since one that
// was there before is refused early; and each is checked to be accepted. CPU time is measured, and the least of many tries
// counts: other processes take no CPU time from this one, but they do take its caches.

import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { KeyRing, newFleetKey } from '../redis/fleet-key.js';
import { MessageChecker, MessageSigner } from '../redis/sign.js';
import { median, rounded } from './statistics.js';

/** Lengths of what is signed: a report or a small load message, a load message of some hosts, a table of 1,000 hosts. */
const LENGTHS_BYTES = [300, 3000, 100_000] as const;

/** Messages a try, so that one of each length takes about as long. */
const BYTES_A_TRY = 3_000_000;
const MAX_MESSAGES = 5000;

/** Tries for each round that is asked for. */
const TRIES_A_ROUND = 10;

const PLACE = 'meercat:load';

/** The cost for one length, in µs a message: the least of all tries, and the median. */
export interface SignatureCost {
  readonly bytes: number;
  readonly signMicros: number;
  readonly signMedianMicros: number;
  readonly checkMicros: number;
  readonly checkMedianMicros: number;
  /** For comparison: only the HMAC, with node's createHmac. */
  readonly createHmacMicros: number;
}

/** Measures all lengths; a round that is not counted comes first. Throws when a message is refused. */
export function measureSignatures(rounds: number): SignatureCost[] {
  const ring = new KeyRing('', newFleetKey());
  const [signer, checker] = [new MessageSigner(ring, 'b1'), new MessageChecker(ring)];
  const hmacKey = createSecretKey(randomBytes(32));
  return LENGTHS_BYTES.map((bytes) => {
    const messages = Math.min(MAX_MESSAGES, Math.ceil(BYTES_A_TRY / bytes));
    const texts = Array.from({ length: messages }, (_, index) => `{"seq":${index}}`.padEnd(bytes, 'x'));
    const [signs, checks, hmacs]: [number[], number[], number[]] = [[], [], []];
    for (let round = -TRIES_A_ROUND; round < rounds * TRIES_A_ROUND; round++) {
      let [signed, refused]: [string[], number] = [[], 0];
      const signing = microsOf(() => {
        signed = texts.map((text) => signer.sign(PLACE, text, 'balancer'));
      });
      // In one piece, as a message comes from a socket.
      const received = signed.map((whole) => Buffer.from(whole).toString());
      const checking = microsOf(() => {
        refused = received.filter((whole) => !checker.check(PLACE, whole, { roles: ['balancer'], maxLength: 1 << 20 }).ok).length;
      });
      if (refused > 0) throw new Error(`${refused} of ${messages} signed messages were refused`);
      const hashing = microsOf(() => {
        for (const whole of received) createHmac('sha256', hmacKey).update(`${PLACE}\n`).update(whole).digest('base64url');
      });
      if (round < 0) continue;
      signs.push(signing / messages);
      checks.push(checking / messages);
      hmacs.push(hashing / messages);
    }
    return {
      bytes,
      signMicros: rounded(Math.min(...signs), 2),
      signMedianMicros: rounded(median(signs), 2),
      checkMicros: rounded(Math.min(...checks), 2),
      checkMedianMicros: rounded(median(checks), 2),
      createHmacMicros: rounded(Math.min(...hmacs), 2),
    };
  });
}

/** The CPU time of this process while a function runs. */
function microsOf(run: () => void): number {
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return user + system;
}
