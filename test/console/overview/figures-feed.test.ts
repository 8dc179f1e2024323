// The fleet's figures while somebody looks: the master's, and without one the balancer's own. The clock is the test's.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FiguresFeed } from '../../../lib/console/overview/figures-feed.js';
import type { FleetFigures, HistoryPoint, HostTrafficFigures } from '../../../lib/fleet-figures.js';
import { buildFigures, NOON_MS } from '../../support/overviews.js';

const test = suite('figures of the dashboard');

const hostFigures = ([name, rps]: [string, number]): HostTrafficFigures => ({ name, ...buildFigures({ rps }), p99Share: 0, ejectedBy: [] });
const figuresOf = (term: number, hostRps: Readonly<Record<string, number>> = {}, balancer = 'b1'): FleetFigures => ({
  term,
  mastership: '',
  atMs: NOON_MS,
  balancers: [balancer],
  total: buildFigures(),
  pools: [],
  hosts: Object.entries(hostRps).map(hostFigures),
  picks: { balancers: [], hosts: [], picks: [] },
  slowest: [],
});
const point = (atMs: number): HistoryPoint => ({ atMs, rps: 1, errorRps: 0, p50Ms: 1, p99Ms: 2, p999Ms: 3 });

function openFeed() {
  let nowMs = 0;
  const feed = new FiguresFeed({ clock: () => nowMs, own: () => figuresOf(0, { h1: 7 }, 'own') });
  return {
    feed,
    /** What is known so many ms after the start. */
    at: (ms: number) => feed.take(NOON_MS + (nowMs = ms)),
    publish(ms: number, figures: FleetFigures) {
      nowMs = ms;
      feed.onPublished(figures);
    },
  };
}

test('Before a master is heard the figures are the balancer’s own', () => {
  const { figures, isOwnOnly } = openFeed().at(0);
  assert.is(isOwnOnly, true);
  assert.equal(figures?.balancers, ['own']);
});

test('What was stored counts until the first message, but for three seconds at most', () => {
  const { feed, at } = openFeed();
  feed.onStored({ figures: figuresOf(5), history: [], hostRps: [] });
  assert.is(at(2999).figures?.term, 5);
  assert.is(at(3000).isOwnOnly, true);
});

test('A master that is not heard for three seconds is replaced by own figures, until one is heard', () => {
  const { at, publish } = openFeed();
  publish(1000, figuresOf(1));
  assert.is(at(3900).figures?.term, 1);
  assert.is(at(4000).isOwnOnly, true);
  publish(4500, figuresOf(2));
  assert.is(at(4600).isOwnOnly, false);
  assert.is(at(4600).figures?.term, 2);
});

test('Figures of an older term are dropped while those of a newer one are fresh', () => {
  const { at, publish } = openFeed();
  publish(1000, figuresOf(2));
  publish(1100, figuresOf(1));
  assert.is(at(1200).figures?.term, 2);
  publish(4200, figuresOf(1));
  assert.is(at(4300).figures?.term, 1);
});

test('A minute of each host is kept, which begins with what was stored', () => {
  const { feed, publish } = openFeed();
  feed.onStored({ figures: figuresOf(1), history: [], hostRps: [['h1', [1, 2, 3]]] });
  publish(1000, figuresOf(1, { h1: 4, h2: 5 }));
  assert.equal(feed.rpsHistoryOf('h1'), [1, 2, 3, 4]);
  assert.equal(feed.rpsHistoryOf('h2'), [5]);
  for (let second = 0; second < 100; second++) publish(1000 * second, figuresOf(1, { h2: second }));
  assert.is(feed.rpsHistoryOf('h2').length, 60);
  assert.is(feed.rpsHistoryOf('h2').at(-1), 99);
  assert.equal(feed.rpsHistoryOf('h1'), [], 'a host without traffic for a minute is forgotten');
});

test('History goes on with own figures every five seconds, and ends after 15 minutes', () => {
  const { feed, at } = openFeed();
  feed.onStored({ figures: figuresOf(1), history: [point(NOON_MS - 899_000), point(NOON_MS)], hostRps: [] });
  assert.is(at(0).history.length, 2);
  const { history } = at(4999);
  assert.equal(
    history.map(({ atMs }) => atMs - NOON_MS),
    [0],
  );
  assert.equal(
    at(5000).history.map(({ atMs }) => atMs - NOON_MS),
    [0, 5000],
  );
});

test('An older history does not take the place of a newer one', () => {
  const { feed, at } = openFeed();
  feed.onStored({ figures: figuresOf(1), history: [point(NOON_MS)], hostRps: [] });
  feed.onStored({ figures: figuresOf(1), history: [point(NOON_MS - 5000)], hostRps: [] });
  assert.equal(
    at(0).history.map(({ atMs }) => atMs),
    [NOON_MS],
  );
});

test.run();
