// The shipped Grafana dashboard as data: the expressions of its panels, as Grafana would send them to Prometheus.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './documents.js';

/** A panel, or a row of panels, as far as tests need it (https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/). */
export interface DashboardPanel {
  readonly id?: number;
  readonly type?: string;
  readonly title?: string;
  readonly gridPos?: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly panels?: readonly DashboardPanel[];
  readonly targets?: readonly { readonly expr?: string; readonly refId?: string }[];
}

/** The dashboard. */
export interface GrafanaDashboard {
  readonly panels: readonly DashboardPanel[];
  readonly templating?: { readonly list?: readonly { readonly name: string; readonly type: string }[] };
}

/** An expression of a panel. */
export interface PanelExpression {
  /** The panel's title, with the target's letter. */
  readonly panel: string;
  readonly expr: string;
  /** As it stands in the file, with variables. */
  readonly raw: string;
}

/** Grafana's own variables of time, here for scrapes once a second; a rate needs four of them. */
const TIMES: Readonly<Record<string, string>> = { __rate_interval: '10s', __interval: '5s', __range: '60s' };

/** The shipped dashboard. */
export function readDashboard(): GrafanaDashboard {
  return JSON.parse(readFileSync(join(ROOT, 'deploy/grafana/meercat.json'), 'utf8')) as GrafanaDashboard;
}

/** All expressions, with every variable at `All`. */
export function expressionsOf({ panels }: Pick<GrafanaDashboard, 'panels'>): PanelExpression[] {
  return panels.flatMap(({ title = '', panels: inner = [], targets = [] }) => [
    ...targets.flatMap(({ expr, refId = '' }) =>
      expr === undefined ? [] : { panel: `${title} ${refId}`.trim(), expr: withVariables(expr), raw: expr },
    ),
    ...expressionsOf({ panels: inner }),
  ]);
}

function withVariables(expr: string): string {
  return expr.replaceAll(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g, (_, braced?: string, bare?: string) => TIMES[braced ?? bare ?? ''] ?? '.*');
}
