// The tests of traffic that have two sizes, at their full size: properties over more inputs, more slow clients, longer
// bodies, smaller pieces.

/* oxlint-disable import/no-unassigned-import -- the files register their tests themselves */

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { scaled } from '../support/scale.js';
import './client/proxy-protocol.test.js';
import './client/request-framing.test.js';
import './client/slow-clients.test.js';
import './host/response-framing.test.js';
import './host/response-header-size.test.js';
import './request/forwarded-bytes.test.js';
import './request/streaming.test.js';
import './wire/answer-reasons.test.js';
import './wire/refusal-reasons.test.js';
import './wire/request-fields.test.js';
import './wire/request-head-reader.test.js';

const test = suite('full size');

test('sizes are the full ones here', () => {
  assert.is(scaled(1, 2), 2);
});

test.run();
