import './styles/tokens.css';
import './styles/base.css';
import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { queries } from './api/client';
import { App } from './app/App';
import { startLanguage } from './i18n';
import { applyTheme } from './ui/preferences';

// After an upgrade an open tab asks for chunks that are gone: load the page anew, once.
addEventListener('vite:preloadError', (event) => {
  event.preventDefault();
  if (sessionStorage.getItem('chargehand.reloaded')) return;
  sessionStorage.setItem('chargehand.reloaded', '1');
  location.reload();
});

applyTheme();
await startLanguage();
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
setTimeout(() => sessionStorage.removeItem('chargehand.reloaded'), 10_000);
