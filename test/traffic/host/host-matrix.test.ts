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

test('over TLS to hosts and clients, everything ends as it does without', () =>
  withCertificates((certificates) => runHostMatrix(ALL, { certificates, isToHosts: true, isToClients: true })));

// The two sides do not know of each other's TLS: of each mixture, and of POST, every fifth entry.
const everyFifth = <T>(answers: readonly T[], first: number): T[] => answers.filter((_, i) => i % 5 === first);

for (const [at, what, isToHosts, isToClients] of [
  [0, 'hosts alone', true, false],
  [2, 'clients alone', false, true],
] as const) {
  test(`over TLS to ${what}, everything ends as it does without`, () =>
    withCertificates((certificates) => runHostMatrix(everyFifth(ALL, at), { certificates, isToHosts, isToClients })));
}

test('over TLS to hosts and clients, a POST is delivered once', () =>
  withCertificates((certificates) => runHostMatrix(everyFifth(asPost(ALL), 4), { certificates, isToHosts: true, isToClients: true })));

test('the tables are of the promised size, and each name stands once in its table', () => {
  for (const answers of [HEAD_ANSWERS, BODY_ANSWERS]) {
    assert.ok(answers.length >= 40);
    assert.is(new Set(answers.map(({ name }) => name)).size, answers.length);
  }
});

test.run();
