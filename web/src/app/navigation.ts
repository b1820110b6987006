/** The places of the console and the ability each needs; one list for the side bar and the palette. */
import {
  Bell, Bot, CalendarClock, ChartColumn, History, Inbox, Play, Plug, ScrollText, Settings, ShieldCheck, Users, Webhook, type LucideIcon,
} from 'lucide-react';
import type { Schemas } from '../api/client';
import type { Ability } from '../api/me';

export type Place = { to: string; id: string; icon: LucideIcon; needs?: Ability; count?: keyof Schemas['Counts'] };

export const NAVIGATION: { id: string; places: Place[] }[] = [
  {
    id: 'work',
    places: [
      { to: '/start', id: 'start', icon: Play },
      { to: '/runs', id: 'runs', icon: History, count: 'tasks_waiting_for_me' },
      { to: '/schedules', id: 'schedules', icon: CalendarClock },
      { to: '/approvals', id: 'approvals', icon: Inbox, count: 'approvals_waiting_for_me' },
    ],
  },
  {
    id: 'govern',
    places: [
      { to: '/log', id: 'log', icon: ScrollText, needs: 'read_log' },
      { to: '/policies', id: 'policies', icon: ShieldCheck, needs: 'read_policy' },
      { to: '/alerts', id: 'alerts', icon: Bell, needs: 'handle_alerts', count: 'alerts_open' },
    ],
  },
  {
    id: 'build',
    places: [
      { to: '/agents', id: 'agents', icon: Bot },
      { to: '/connectors', id: 'connectors', icon: Plug, needs: 'read_connectors' },
      { to: '/webhooks', id: 'hooks', icon: Webhook, needs: 'manage_hooks' },
      { to: '/usage', id: 'usage', icon: ChartColumn, needs: 'read_usage' },
      { to: '/people', id: 'people', icon: Users, needs: 'read_people' },
    ],
  },
];

export const SETTINGS: Place = { to: '/settings', id: 'settings', icon: Settings };
