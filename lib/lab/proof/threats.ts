// Threats to validity of `bench fleet`: what its figures do not show, and which way each may err. Pure.

import { chanceText } from './compare.js';
import type { ProofFigures } from './figures.js';
import { exactText, numberText } from './spread.js';
import { calibrationText } from './tables.js';

/** A threat, in a few words and in full. */
export interface Threat {
  readonly name: string;
  readonly text: string;
}

/** The threats to the validity of a run. */
export function threatsOf(figures: ProofFigures): readonly Threat[] {
  const { setup } = figures;
  return [
    {
      name: 'One small machine',
      text: 'Load, hosts, Redis and all balancers share the cores and caches of one machine and disturb each other. Ratios between contestants carry over better than absolute figures. One machine also has one fate: a fleet on several machines survives the loss of one, a single balancer does not, and this run cannot show it.',
    },
    {
      name: 'CPU limits',
      text:
        setup.quota === 'taskset'
          ? 'There was no quota: the balancers shared one core, as the scheduler divided it. A balancer can use what another leaves idle, which helps fleets.'
          : `Quotas of the kernel throttle in periods: a balancer that has used up its share stands still until the next period, which a slow core does not. The smaller the share (${exactText(setup.cpu)} of a core divided by the number of balancers), the longer it stands still: this makes the tail latencies of fleets look worse with equal total CPU.`,
    },
    ...(setup.cpu < 1 && setup.quota !== 'taskset'
      ? [
          {
            name: 'A core scaled down',
            text: `A single balancer had ${exactText(setup.cpu)} of a core, not a whole one. Costs that do not grow with load, such as heartbeats, weigh more than they would on whole cores: this makes fleets look worse.`,
          },
        ]
      : []),
    {
      name: 'Loopback',
      text: 'There is no network: no delay, loss or bandwidth limit, and Redis is as near as the hosts. Coordination over a real network is slower, so balancers know less of each other: this makes fleets look better.',
    },
    {
      name: 'Synthetic hosts and load',
      text: 'Hosts are simulated queues with noisy neighbours, requests have a few classes of cost that scatter by a known law, and arrivals are random. Real traffic is burstier and real hosts fail in more ways. Times run from when a request was due, so a slow balancer cannot hide by slowing the load.',
    },
    {
      name: 'Hosts as the bottleneck',
      text: `The hosts can serve ${numberText(setup.hostsPerSecond)} requests/s. Where a contestant comes near that, its highest load says what the hosts can do, and differences between balancers disappear.`,
    },
    {
      name: 'Few rounds',
      text: `${setup.rounds} round${setup.rounds === 1 ? '' : 's'} of ${exactText(setup.seconds)} s: ${
        setup.rounds < 2 ? 'no spread at all' : `spreads of equal contestants keep apart by chance in ${chanceText(setup.rounds)} cases`
      }.${tailText(figures)}`,
    },
    {
      name: 'The search for the highest load',
      text: 'It tries a ladder of loads in short turns. The highest load is known to a step of the ladder, and a turn that a disturbance of the machine hits can cost a step.',
    },
    {
      name: 'Configuration of the others',
      text: 'HAProxy and nginx run with their own least-connections algorithms, each process on its own, as they usually do. A tuned one, or one fed with agent checks, may do better. The authors of this benchmark are those of Meercat.',
    },
    ...simulationThreats(figures),
  ];
}

/** How few requests p99.9 rests on, at the lowest load. */
function tailText({ setup, contestants }: ProofFigures): string {
  const perSecond = contestants.flatMap(({ loads }) => loads.map((load) => load.perSecond));
  const requests = Math.min(...perSecond) * setup.seconds;
  if (!Number.isFinite(requests) || requests >= MANY_REQUESTS) return '';
  const slowest = Math.max(1, Math.round(requests / 1000));
  return ` At the lowest load a turn has about ${numberText(Math.round(requests))} requests, so that its p99.9 rests on the slowest ${slowest === 1 ? 'one' : slowest}.`;
}

/** With fewer requests, p99.9 rests on fewer than ten. */
const MANY_REQUESTS = 10_000;

function simulationThreats(figures: ProofFigures): readonly Threat[] {
  const { simulation } = figures;
  if (simulation === null)
    return [{ name: 'No simulation', text: 'It was left out: nothing here speaks of fleets larger than those measured.' }];
  return [
    {
      name: 'Assumptions of the simulation',
      text: `A simulated balancer is a single server with a queue, and a message costs what one cost when measured. ${calibrationText(figures, simulation)} Networks between machines, garbage collection and limits of the kernel are not simulated: this makes large fleets look better.`,
    },
  ];
}
