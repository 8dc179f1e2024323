// What ends linear scaling, as sentences with their figures: from simulated fleets of different sizes, and by calculation
// for fleets that are so large that Redis or the master's thread needs a whole core.

import type { BalancerCost, RedisCost } from './balancer-cost.js';
import { type ExchangeRates, exchangeRates, largestFleet } from './exchange-rates.js';
import type { ScalingFigure } from './fleet-scaling.js';
import type { Scenario } from './scenario.js';

/** A fleet scales linearly while each of its balancers serves this share of what a single one does. */
const LINEAR_SHARE = 0.9;

/** The sentences. */
export function limitsOf(scenario: Scenario, figures: readonly ScalingFigure[]): string[] {
  const groups = new Map<string, ScalingFigure[]>();
  for (const figure of figures) {
    const key = `${figure.hosts} ${figure.cpu} ${figure.clients}`;
    groups.set(key, [...(groups.get(key) ?? []), figure]);
  }
  const singles = new Map(figures.flatMap((each) => (each.balancers === 1 ? [[`${each.hosts} ${each.cpu}`, each.highestPerSecond]] : [])));
  const sizes = [...groups.values()].flatMap((group) => {
    const { hosts, cpu } = group[0] as ScalingFigure;
    const single = singles.get(`${hosts} ${cpu}`);
    if (single === undefined || single === 0 || group.every(({ balancers }) => balancers === 1)) return [];
    return [cpu === 'whole' ? linearity(group, single) : equality(group, single)];
  });
  const hosts = [...new Set(figures.map((each) => each.hosts))];
  return [...sizes, ...hosts.map((count) => resourceLimit(scenario, count))];
}

/** The largest fleet that one Redis carries, and the largest one that one master does. */
function resourceLimit({ balancerCost, redisCost, reportMs }: Scenario, hosts: number): string {
  const ratesOf = (balancers: number): ExchangeRates =>
    exchangeRates(balancers, hosts, balancerCost as BalancerCost, redisCost as RedisCost, reportMs);
  const redis = largestFleet((balancers) => ratesOf(balancers).redisCores);
  const master = largestFleet((balancers) => ratesOf(balancers).masterCores);
  const messagesOf = ({ loads, tables, reports }: ExchangeRates, balancers: number): string =>
    `${Math.round(loads + reports)} messages a second to the master and ${Math.round(tables)} tables to each of ${balancers}`;
  const first = Math.min(redis, master);
  return `${hosts} hosts, by calculation: the master's thread needs its whole core with ${master} balancers, one Redis its core with ${redis} (${messagesOf(ratesOf(first), first)}), if every host changes in every interval`;
}

function linearity(group: readonly ScalingFigure[], single: number): string {
  const { hosts, clients } = group[0] as ScalingFigure;
  const shareOf = ({ highestPerSecond, balancers }: ScalingFigure): number => highestPerSecond / balancers / single;
  const last = group.at(-1) as ScalingFigure;
  const end = group.find((each) => shareOf(each) < LINEAR_SHARE);
  const name = `${hosts} hosts, whole cores, clients ${clients}`;
  const percent = (figure: ScalingFigure): string => `${(100 * shareOf(figure)).toFixed(0)} %`;
  return end === undefined
    ? `${name}: linear up to ${last.balancers} balancers, each of which serves ${percent(last)} of what a single one does`
    : `${name}: from ${end.balancers} balancers on each serves less than ${100 * LINEAR_SHARE} % of what a single one does (${percent(end)}, with ${last.balancers} ${percent(last)}): ${reasonOf(end)}`;
}

function equality(group: readonly ScalingFigure[], single: number): string {
  const { hosts } = group[0] as ScalingFigure;
  const shares = group
    .filter(({ balancers }) => balancers > 1)
    .map(({ balancers, highestPerSecond }) => `${balancers} serve ${((100 * highestPerSecond) / single).toFixed(0)} %`);
  const last = group.at(-1) as ScalingFigure;
  return `${hosts} hosts, the CPU of one balancer shared by all: of what the single one serves, ${shares.join(', ')}; with ${last.balancers}, ${reasonOf(last)}`;
}

/** Why a fleet serves no more than it does. */
function reasonOf({ breach, maxOverMean, masterCores, slaveCores, clients }: ScalingFigure): string {
  const uneven = clients === 'even' ? '' : `; the balancer with most requests has ${maxOverMean.toFixed(2)} times the mean`;
  return `${breach ?? 'the search ended at its highest load'} (coordination: master ${masterCores.toFixed(3)} cores, others ${slaveCores.toFixed(3)})${uneven}`;
}
