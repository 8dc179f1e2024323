// The tests that have two sizes, at their full size: more seeds, more inputs, more slow clients, longer
// bodies, smaller pieces.

/* oxlint-disable import/no-unassigned-import -- the files register their tests themselves */

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { scaled } from './support/scale.js';
import './fleet/lease.test.js';
import './routing/resource.test.js';
import './traffic/client/http2-clients.test.js';
import './traffic/client/proxy-protocol.test.js';
import './traffic/client/request-framing.test.js';
import './traffic/client/slow-clients.test.js';
import './traffic/host/response-framing.test.js';
import './traffic/host/response-header-size.test.js';
import './traffic/request/forwarded-bytes.test.js';
import './traffic/request/streaming.test.js';
import './traffic/wire/answer-reasons.test.js';
import './traffic/wire/refusal-reasons.test.js';
import './traffic/wire/request-fields.test.js';
import './traffic/wire/request-head-reader.test.js';

const test = suite('full size');

test('sizes are the full ones here', () => {
  assert.is(scaled(1, 2), 2);
});

test.run();
