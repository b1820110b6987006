import { render } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { preferences } from './preferences';
import { useKeys } from './useKeys';

function Listening({ onKey }: { onKey: () => void }) {
  useKeys({ a: onKey });
  return <input aria-label="text" />;
}

const press = (target: EventTarget, init: KeyboardEventInit) => target.dispatchEvent(new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...init }));

test('a letter acts once; held down, with a modifier, while typing or switched off it does nothing', () => {
  const onKey = vi.fn();
  const { getByLabelText } = render(<Listening onKey={onKey} />);
  press(document.body, { key: 'a' });
  expect(onKey).toHaveBeenCalledTimes(1);
  press(document.body, { key: 'a', repeat: true });
  press(document.body, { key: 'a', ctrlKey: true });
  press(getByLabelText('text'), { key: 'a' });
  preferences.set({ singleKeys: false });
  press(document.body, { key: 'a' });
  preferences.set({ singleKeys: true });
  expect(onKey).toHaveBeenCalledTimes(1);
  press(document.body, { key: 'A' });
  expect(onKey).toHaveBeenCalledTimes(2);
});
