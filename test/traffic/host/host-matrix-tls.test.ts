// The matrix of hosts over TLS: the same behaviour and the same outcomes, whether TLS is spoken to the hosts, to the
// clients, or to both.

import { suite } from 'uvu';
import { withCertificates } from '../../support/certificates.js';
import { asPost, runHostMatrix } from '../../support/host-stage.js';
import { BODY_ANSWERS } from './host-answers-bodies.js';
import { HEAD_ANSWERS } from './host-answers-heads.js';

const test = suite('host matrix, tls');

for (const [what, isToHosts, isToClients] of [
  ['hosts', true, false],
  ['clients', false, true],
  ['hosts and clients', true, true],
] as const) {
  test(`over TLS to ${what}, whatever a host sends for a head ends as it does without`, () =>
    withCertificates((certificates) => runHostMatrix(HEAD_ANSWERS, { certificates, isToHosts, isToClients })));

  test(`over TLS to ${what}, whatever a host sends for a body ends as it does without`, () =>
    withCertificates((certificates) => runHostMatrix(BODY_ANSWERS, { certificates, isToHosts, isToClients })));
}

test('over TLS to hosts and clients, a POST is delivered once', () =>
  withCertificates((certificates) =>
    runHostMatrix(asPost([...HEAD_ANSWERS, ...BODY_ANSWERS]), { certificates, isToHosts: true, isToClients: true }),
  ));

test.run();
