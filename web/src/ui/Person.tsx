import { Bot } from 'lucide-react';
import css from './Person.module.css';
import { principalName } from './format';

const initials = (name: string) => name.split(/\s+/).map((part) => part.charAt(0)).slice(0, 2).join('').toUpperCase();

/** A principal: a person's initials or the robot of an agent, and the name. */
export function Person({ id, name, small }: { id: string; name?: string | null; small?: boolean }) {
  const shown = name || principalName(id);
  return (
    <span className={css.person} title={id}>
      <Avatar id={id} name={shown} size={small ? 20 : 24} />
      <span className="trunc">{shown}</span>
    </span>
  );
}

export function Avatar({ id, name, size = 24 }: { id: string; name: string; size?: number }) {
  const agent = id.startsWith('agent:');
  const hue = [...id].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 5;
  return (
    <span className={css.avatar} data-hue={agent ? 'agent' : hue} style={{ width: size, height: size }} aria-hidden>
      {agent ? <Bot size={size * 0.6} /> : initials(name)}
    </span>
  );
}
