// The matrix of hosts: what each one answers byte by byte, what its client gets, and how often it was asked, without TLS,
// and with TLS to the hosts, to the clients, or to both.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withCertificates } from '../../support/certificates.js';
import { asPost, runHostMatrix } from '../../support/host-stage.js';
import { BODY_ANSWERS } from './host-answers-bodies.js';
import { HEAD_ANSWERS } from './host-answers-heads.js';

const test = suite('host matrix');

const ALL = [...HEAD_ANSWERS, ...BODY_ANSWERS];

test('whatever a host sends for a head, its client gets an answer that says so, and another host is asked', () =>
  runHostMatrix(HEAD_ANSWERS));

test('whatever a host sends for a body, its client never takes an incomplete answer for a whole one, nor gets more than it', () =>
  runHostMatrix(BODY_ANSWERS));

test('whatever a host sends, a POST is delivered once', () => runHostMatrix(asPost(ALL)));

const everySixth = <T>(answers: readonly T[], first: number): T[] => answers.filter((_, i) => i % 6 === first);

// TLS has a bearing on the ends of connections: all entries that end one by themselves, and a sixth of the others.
const ENDING = ALL.filter(({ acts }) => acts.some((act) => typeof act === 'string'));
const OTHERS = ALL.filter((answer) => !ENDING.includes(answer));

for (const [what, isToHosts, isToClients, answers] of [
  ['hosts and clients', true, true, [...ENDING, ...everySixth(OTHERS, 0)]],
  // The two sides do not know of each other's TLS.
  ['hosts alone', true, false, everySixth(ALL, 1)],
  ['clients alone', false, true, everySixth(ALL, 3)],
] as const) {
  test(`over TLS to ${what}, everything ends as it does without`, () =>
    withCertificates((certificates) => runHostMatrix(answers, { certificates, isToHosts, isToClients })));
}

test('over TLS to hosts and clients, a POST is delivered once', () =>
  withCertificates((certificates) => runHostMatrix(everySixth(asPost(ALL), 5), { certificates, isToHosts: true, isToClients: true })));

test('the tables are of the promised size, and each name stands once in its table', () => {
  for (const answers of [HEAD_ANSWERS, BODY_ANSWERS]) {
    assert.ok(answers.length >= 40);
    assert.is(new Set(answers.map(({ name }) => name)).size, answers.length);
  }
});

test.run();
