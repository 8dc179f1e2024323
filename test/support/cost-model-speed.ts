// What the cost model takes of a core: node dist/test/support/cost-model-speed.js [hosts] [classes] [load messages a second]
// CPU time of the thread, for the second and third minute of reports of each host a second.

import { CostModel } from '../../lib/learning/cost-model.js';
import { Random } from '../../lib/routing/random.js';

const [hosts = 1000, classes = 20, messages = 10] = process.argv.slice(2).map(Number);
const WARM_SECONDS = 60;
const SECONDS = 120;
const model = new CostModel();
const rng = new Random(1);
const hostNames = Array.from({ length: hosts }, (_, index) => `host-${index}`);
const classNames = Array.from({ length: classes }, (_, index) => `GET /class/${index}`);
const stepMs = 1000 / messages;
const used = new Float64Array(hosts);

let longestMs = 0;
let fitMs = 0;
let start = process.cpuUsage();
for (let step = 0; step < (WARM_SECONDS + SECONDS) * messages; step++) {
  if (step === WARM_SECONDS * messages) {
    start = process.cpuUsage();
    fitMs = longestMs = 0;
  }
  const nowMs = step * stepMs;
  for (let host = 0; host < hosts; host++) {
    // Each load message tells of a part of the classes, so that a second has each twice.
    for (let i = 0; i < Math.max(1, (2 * classes) / messages); i++) {
      const kind = rng.below(classes);
      const count = 1 + rng.below(3);
      model.finished(hostNames[host] as string, classNames[kind] as string, { count, busyMs: count * (kind + 1) * 5 }, nowMs, stepMs);
      (used[host] as number) += count * (kind + 1) * 5;
    }
    if (step % messages !== 0) continue;
    model.observe(hostNames[host] as string, { cpuMs: used[host] as number, cores: 64 }, nowMs, 1000);
    used[host] = rng.below(300);
  }
  if (step % messages !== 0) continue;
  const before = process.cpuUsage();
  model.tick(nowMs);
  const { user, system } = process.cpuUsage(before);
  fitMs += (user + system) / 1000;
  longestMs = Math.max(longestMs, (user + system) / 1000);
}
const { user, system } = process.cpuUsage(start);
const total = (user + system) / 1000;
process.stdout.write(
  `${hosts} hosts, ${classes} classes, ${messages} load messages a second: ${(total / (SECONDS * 10)).toFixed(2)} % of a core, ` +
    `of which ticks ${(fitMs / (SECONDS * 10)).toFixed(2)} %; the longest tick ${longestMs.toFixed(0)} ms\n`,
);
