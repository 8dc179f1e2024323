// What it costs to sign a message and to check one, by its length. Each checked message is a new one, since one that
// was there before is refused early; and each is checked to be accepted. CPU time is measured: other processes don't count.

import { KeyRing, newFleetKey } from '../redis/fleet-key.js';
import { MessageChecker, MessageSigner } from '../redis/sign.js';
import { median, rounded } from './statistics.js';

/** Lengths of what is signed: a report or a small load message, a load message of some hosts, a table of 1,000 hosts. */
const LENGTHS_BYTES = [300, 3000, 100_000] as const;

/** Messages a round, so that a round of each length takes about as long. */
const BYTES_A_ROUND = 30_000_000;
const MAX_MESSAGES = 5000;

const PLACE = 'meercat:load';

/** The cost for one length. */
export interface SignatureCost {
  readonly bytes: number;
  readonly signMicros: number;
  readonly checkMicros: number;
}

/** Medians over rounds, after one that is not counted. Throws when a message is refused. */
export function measureSignatures(rounds: number): SignatureCost[] {
  const ring = new KeyRing('', newFleetKey());
  const [signer, checker] = [new MessageSigner(ring, 'b1'), new MessageChecker(ring)];
  return LENGTHS_BYTES.map((bytes) => {
    const messages = Math.min(MAX_MESSAGES, Math.ceil(BYTES_A_ROUND / bytes / 10));
    const texts = Array.from({ length: messages }, (_, index) => `{"seq":${index}}`.padEnd(bytes, 'x'));
    const [signs, checks]: [number[], number[]] = [[], []];
    for (let round = -1; round < rounds; round++) {
      const start = process.cpuUsage();
      const signed = texts.map((text) => signer.sign(PLACE, text, 'balancer'));
      const signing = microsSince(start);
      const begun = process.cpuUsage();
      const refused = signed.filter((whole) => !checker.check(PLACE, whole, { roles: ['balancer'], maxLength: 1 << 20 }).ok).length;
      const checking = microsSince(begun);
      if (refused > 0) throw new Error(`${refused} of ${messages} signed messages were refused`);
      if (round < 0) continue;
      signs.push(signing / messages);
      checks.push(checking / messages);
    }
    return { bytes, signMicros: rounded(median(signs), 2), checkMicros: rounded(median(checks), 2) };
  });
}

function microsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return user + system;
}
