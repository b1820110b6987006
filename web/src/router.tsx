import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { queries } from './api/client';
import { meQuery } from './api/me';
import { NotFound } from './app/NotFound';
import { Shell } from './app/Shell';

const text = (value: unknown) => (typeof value === 'string' && value ? value : undefined);
const texts = (value: unknown) => (Array.isArray(value) && value.length > 0 ? value.map(String) : undefined);

export type RunSearch = { q?: string; agent?: string; state?: string[] };
export type LogSearch = { q?: string; seq?: number };
export type ApprovalSearch = { id?: string; tab?: string };

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });
const parent = () => root;

const index = createRoute({
  getParentRoute: parent,
  path: '/',
  beforeLoad: () => {
    const me = queries.getQueryData(meQuery.queryKey);
    const abilities = me?.abilities ?? [];
    if (abilities.includes('give_verdict')) throw redirect({ to: '/approvals', search: {} });
    if (abilities.includes('read_log')) throw redirect({ to: '/log', search: {} });
    throw redirect({ to: '/start' });
  },
});

const start = createRoute({ getParentRoute: parent, path: '/start', component: lazyRouteComponent(() => import('./features/start/Catalogue'), 'Catalogue') });
const startForm = createRoute({ getParentRoute: parent, path: '/start/$agent', component: lazyRouteComponent(() => import('./features/start/StartPage'), 'StartPage') });

const runs = createRoute({
  getParentRoute: parent,
  path: '/runs',
  validateSearch: (search: Record<string, unknown>): RunSearch => ({ q: text(search['q']), agent: text(search['agent']), state: texts(search['state']) }),
  component: lazyRouteComponent(() => import('./features/runs/RunsPage'), 'RunsPage'),
});
const run = createRoute({ getParentRoute: parent, path: '/runs/$run', component: lazyRouteComponent(() => import('./features/runs/RunPage'), 'RunPage') });

const schedules = createRoute({ getParentRoute: parent, path: '/schedules', component: lazyRouteComponent(() => import('./features/schedules/SchedulesPage'), 'SchedulesPage') });

const hooks = createRoute({ getParentRoute: parent, path: '/webhooks', component: lazyRouteComponent(() => import('./features/hooks/HooksPage'), 'HooksPage') });

const approvals = createRoute({
  getParentRoute: parent,
  path: '/approvals',
  validateSearch: (search: Record<string, unknown>): ApprovalSearch => ({ id: text(search['id']), tab: text(search['tab']) }),
  component: lazyRouteComponent(() => import('./features/approvals/ApprovalsPage'), 'ApprovalsPage'),
});

const log = createRoute({
  getParentRoute: parent,
  path: '/log',
  validateSearch: (search: Record<string, unknown>): LogSearch => ({ q: text(search['q']), seq: typeof search['seq'] === 'number' ? search['seq'] : undefined }),
  component: lazyRouteComponent(() => import('./features/log/LogPage'), 'LogPage'),
});

const policies = createRoute({
  getParentRoute: parent,
  path: '/policies',
  validateSearch: (search: Record<string, unknown>): { tab?: string } => ({ tab: text(search['tab']) }),
  component: lazyRouteComponent(() => import('./features/policies/PoliciesPage'), 'PoliciesPage'),
});
const draft = createRoute({ getParentRoute: parent, path: '/policies/drafts/$draft', component: lazyRouteComponent(() => import('./features/policies/DraftPage'), 'DraftPage') });

const alerts = createRoute({ getParentRoute: parent, path: '/alerts', component: lazyRouteComponent(() => import('./features/alerts/AlertsPage'), 'AlertsPage') });
const agents = createRoute({ getParentRoute: parent, path: '/agents', component: lazyRouteComponent(() => import('./features/agents/AgentsPage'), 'AgentsPage') });
const agent = createRoute({ getParentRoute: parent, path: '/agents/$agent', component: lazyRouteComponent(() => import('./features/agents/AgentPage'), 'AgentPage') });
const connectors = createRoute({ getParentRoute: parent, path: '/connectors', component: lazyRouteComponent(() => import('./features/connectors/ConnectorsPage'), 'ConnectorsPage') });
const connector = createRoute({ getParentRoute: parent, path: '/connectors/$connector', component: lazyRouteComponent(() => import('./features/connectors/ConnectorPage'), 'ConnectorPage') });
const usage = createRoute({ getParentRoute: parent, path: '/usage', component: lazyRouteComponent(() => import('./features/usage/UsagePage'), 'UsagePage') });
const people = createRoute({ getParentRoute: parent, path: '/people', component: lazyRouteComponent(() => import('./features/people/PeoplePage'), 'PeoplePage') });
const settings = createRoute({ getParentRoute: parent, path: '/settings', component: lazyRouteComponent(() => import('./features/settings/SettingsPage'), 'SettingsPage') });

export const router = createRouter({
  routeTree: root.addChildren([
    index, start, startForm, runs, run, schedules, hooks, approvals, log, policies, draft, alerts, agents, agent, connectors, connector, usage, people, settings,
  ]),
  defaultPreload: 'intent',
  scrollRestoration: false,
});

declare module '@tanstack/react-router' {
  interface Register { router: typeof router }
}
