// The head of an answer: a cookie is its client's alone, although a host's repeated head is composed once.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answerHead } from '../../../lib/traffic/wire/answer-head.js';
import { compileHeaderEdit } from '../../../lib/traffic/wire/header-edit.js';
import { readResponseHead, type ResponseHead } from '../../../lib/traffic/wire/response-head.js';

const test = suite('answer head');

const RULES = { minorVersion: 1, isChunked: false, isKept: true } as const;
const TEXT = 'HTTP/1.1 200 OK\r\nDate: Mon, 30 Nov 2026 20:00:00 GMT\r\nSet-Cookie: theme=dark\r\nContent-Length: 0\r\n\r\n';

test('a cookie of our own is in one answer only, and no change of the route takes it out', () => {
  for (const edit of [undefined, compileHeaderEdit({ set: [], add: [], remove: ['Set-Cookie'] }, 'response')]) {
    const head = readResponseHead(TEXT, false) as ResponseHead;
    const without = answerHead(head, { ...RULES, edit });
    const one = answerHead(head, { ...RULES, edit, setCookie: 'MEERCATID=one' });
    const two = answerHead(head, { ...RULES, edit, setCookie: 'MEERCATID=two' });
    assert.match(one, /\r\nSet-Cookie: MEERCATID=one\r\n/);
    assert.match(two, /\r\nSet-Cookie: MEERCATID=two\r\n/);
    assert.is(two.match(/MEERCATID/g)?.length, 1);
    assert.is(answerHead(head, { ...RULES, edit }), without);
    assert.is(without.includes('MEERCATID'), false);
    assert.is(one.includes('theme=dark'), edit === undefined);
  }
});

test.run();
