import { createContext, useContext } from 'react';
import type { Ability, Me } from '../api/me';

export const MeContext = createContext<Me | null>(null);

export function useMe(): Me {
  const me = useContext(MeContext);
  if (!me) throw new Error('useMe is for components inside the signed-in part of the console.');
  return me;
}

/** Whether I may: decides what is offered. What is allowed, the server decides again. */
export function useMay(): (ability: Ability) => boolean {
  const { abilities } = useMe();
  return (ability) => abilities.includes(ability);
}
