// What requests do on hosts besides using CPU: waits, streams and cold caches, by small schedules by hand, and what an
// omniscient policy sees of them.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ColdCaches } from '../../../lib/lab/simulation/cold-caches.js';
import { Draws } from '../../../lib/lab/simulation/draws.js';
import { EventQueue } from '../../../lib/lab/simulation/event-queue.js';
import { FleetBalancer } from '../../../lib/lab/simulation/fleet-balancer.js';
import { hostNameOf } from '../../../lib/lab/simulation/host-names.js';
import { HOST_REFUSES, HOST_UP, HostMachines } from '../../../lib/lab/simulation/host-machines.js';
import { HostWork } from '../../../lib/lab/simulation/host-work.js';
import { Jobs } from '../../../lib/lab/simulation/jobs.js';
import { Omniscient } from '../../../lib/lab/simulation/omniscient.js';
import { TrueState } from '../../../lib/lab/simulation/true-state.js';

const test = suite('host work');

interface Stage {
  readonly jobs: Jobs;
  readonly machines: HostMachines;
  readonly caches: ColdCaches;
  readonly work: HostWork;
  /** What is done, and when. */
  readonly done: [job: number, atMs: number][];
  readonly streams: number[];
  /** Starts a request on a host. */
  start(request: { readonly host?: number; readonly cost: number; readonly waitMs?: number; readonly streamMs?: number }): number;
  passUntil(untilMs: number): void;
}

function stage(hosts = 1): Stage {
  let nowMs = 0;
  const jobs = new Jobs();
  const queue = new EventQueue();
  const machines = new HostMachines(Array.from({ length: hosts }, () => ({ cores: 1, speed: 1, memory: 0 })));
  const caches = new ColdCaches(hosts);
  const done: [number, number][] = [];
  const streams: number[] = [];
  const work = new HostWork({
    jobs,
    machines,
    caches,
    queue,
    clock: () => nowMs,
    onDone(job) {
      done.push([job, nowMs]);
      jobs.release(job);
    },
    onStream: (job) => streams.push(job),
  });
  return {
    jobs,
    machines,
    caches,
    work,
    done,
    streams,
    start({ host = 0, cost, waitMs = 0, streamMs = 0 }) {
      const job = jobs.take();
      jobs.balancer[job] = 0;
      jobs.host[job] = host;
      jobs.cost[job] = cost;
      jobs.waitMs[job] = waitMs;
      jobs.streamMs[job] = streamMs;
      work.start(job);
      return job;
    },
    passUntil(untilMs) {
      while (Math.min(machines.nextDepartureMs, queue.nextMs) <= untilMs) {
        nowMs = Math.min(machines.nextDepartureMs, queue.nextMs);
        if (machines.nextDepartureMs <= queue.nextMs) work.depart();
        else queue.runNext();
      }
      nowMs = untilMs;
    },
  };
}

test('a request that waits uses the core before and after, and leaves it to others meanwhile', () => {
  const { start, passUntil, done, machines } = stage();
  const waits = start({ cost: 10, waitMs: 50 });
  const works = start({ cost: 20 });
  passUntil(30);
  // Both share until 10, when the first has done its half; the second is alone until 25.
  assert.equal(done, [[works, 25]]);
  assert.equal([machines.inflight[0], machines.waiting[0], machines.openOn(0)], [0, 1, 1]);
  passUntil(100);
  assert.equal(done, [
    [works, 25],
    [waits, 65],
  ]);
  machines.advance(0, 100);
  assert.equal([machines.waiting[0], machines.busyMs[0]], [0, 30]);
});

test('a stream uses the core at first, and is open until its time is over or its host goes down', () => {
  const { start, passUntil, done, streams, machines, work } = stage(2);
  const [short, long] = [start({ cost: 2, streamMs: 30 }), start({ host: 1, cost: 2, streamMs: 500 })];
  passUntil(10);
  assert.equal(streams, [short, long]);
  assert.equal([machines.inflight[0], machines.openOn(0), machines.streams[1]], [0, 1, 1]);
  passUntil(100);
  assert.equal(done, [[short, 32]]);
  const ended: [number, boolean][] = [];
  work.setStanding(1, HOST_REFUSES, (job, hasStarted) => ended.push([job, hasStarted]));
  assert.equal(ended, [[long, true]]);
  passUntil(1000);
  assert.equal([done.length, machines.streams[1]], [1, 0]);
});

test('at the end of a run the clients of streams hang up, and none begins', () => {
  const { start, passUntil, done, streams, work } = stage();
  const first = start({ cost: 2, streamMs: 1e9 });
  passUntil(5);
  const second = start({ cost: 2, streamMs: 1e9 });
  work.endStreams();
  passUntil(20);
  assert.equal(streams, [first]);
  assert.equal(done, [
    [first, 5],
    [second, 7],
  ]);
});

test('a host that goes down returns those that run, first or second half, and those that wait, each once; nothing comes of them later', () => {
  const { start, passUntil, jobs, machines, work, done } = stage();
  const second = start({ cost: 10, waitMs: 20 });
  passUntil(20);
  const waits = start({ cost: 4, waitMs: 100 });
  passUntil(26);
  const runs = start({ cost: 10 });
  const ended: number[] = [];
  work.setStanding(0, HOST_REFUSES, (job) => ended.push(job));
  assert.equal(ended.toSorted(), [second, waits, runs].toSorted());
  work.setStanding(0, HOST_UP, (job) => ended.push(job));
  for (const job of [second, waits, runs]) jobs.release(job);
  // Takes the place of one of them.
  const next = start({ cost: 1, waitMs: 500 });
  passUntil(300);
  assert.equal([done, machines.waiting[0], ended.length], [[], 1, 3]);
  passUntil(600);
  assert.equal(done, [[next, 527]]);
});

test('after a restart with cold caches requests cost more, by an excess that decays with its time constant', () => {
  const { caches, start, passUntil, done } = stage();
  caches.chill(0, 3, 100, 0);
  assert.is(caches.factorOf(0, 0), 3);
  assert.ok(Math.abs(caches.factorOf(0, 100) - (1 + 2 / Math.E)) < 1e-12);
  const job = start({ cost: 10 });
  passUntil(50);
  assert.equal(done, [[job, 30]]);
  assert.is(new ColdCaches(1).factorOf(0, 5), 1);
});

test('an omniscient policy prefers a host with streams and waits to one that works, and a warm host to a cold one', () => {
  const { machines, caches, start, passUntil } = stage(2);
  const statics = [0, 1].map((host) => ({ name: hostNameOf(host), url: `http://${hostNameOf(host)}` }));
  const balancer = new FleetBalancer({
    index: 0,
    balancers: 1,
    hosts: 2,
    statics,
    requests: [],
    isCostKnown: false,
    exchangeMs: null,
    startMs: 0,
  });
  const policy = new Omniscient(new TrueState(machines, caches), new Draws(1, 1), balancer);
  // Of equal hosts both would be picked.
  const picks = (nowMs: number): number[] => [
    ...new Set(Array.from({ length: 20 }, () => balancer.hostOf[policy.pick(balancer.view, nowMs)] as number)),
  ];
  for (let i = 0; i < 5; i++) start({ host: 0, cost: 1, streamMs: 1e6 });
  for (let i = 0; i < 5; i++) start({ host: 0, cost: 1, waitMs: 1e6 });
  passUntil(50);
  start({ host: 1, cost: 1000 });
  assert.equal(picks(50), [0]);
  passUntil(2000);
  caches.chill(0, 2, 1000, 2000);
  assert.equal(picks(2000), [1]);
  caches.chill(1, 3, 1000, 2000);
  assert.equal(picks(2000), [0]);
});

test.run();
