// The cases of `bench route`: requests of the mixture reach routes of every kind, and those of the worst cases reach none.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findNaively } from '../../lib/lab/naive-router.js';
import { ROUTE_CASES, routeCaseOf } from '../../lib/lab/route-cases.js';
import { compileRouter, NO_ROUTE } from '../../lib/routing/router.js';

const test = suite('route cases');

for (const [i, name] of ROUTE_CASES.entries()) {
  test(`${name}: the router agrees with the reference, and the requests reach what they are for`, () => {
    const { site, requests } = routeCaseOf(name, 50);
    assert.is(site.routes.length, 50);
    const router = compileRouter(site);
    const found = new Set(requests.map((request) => router.find(request, 'http')));
    for (const request of requests.slice(0, 200)) assert.is(router.find(request, 'http'), findNaively(site, request, 'http'));
    if (i > 0) assert.equal([...found], [NO_ROUTE]);
    else assert.is(found.size, 50);
  });
}

test.run();
