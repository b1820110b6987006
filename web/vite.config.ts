/// <reference types="vitest/config" />
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** Writes .br and .gz beside every text asset, so that the server only picks a file. */
function precompress(): Plugin {
  return {
    name: 'precompress',
    apply: 'build',
    closeBundle() {
      const folder = join(import.meta.dirname, 'dist/assets');
      for (const name of readdirSync(folder)) {
        if (!/\.(js|css|svg|json)$/.test(name)) continue;
        const source = readFileSync(join(folder, name));
        if (source.length < 1024) continue;
        writeFileSync(join(folder, `${name}.gz`), gzipSync(source, { level: 9 }));
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
        writeFileSync(join(folder, `${name}.br`), brotliCompressSync(source, { params }));
      }
    },
  };
}

const vendor = (name: string, test: RegExp) => ({ name, test, priority: 20 });

export default defineConfig({
  plugins: [react(), precompress()],
  base: '/',
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // no data: URLs, so the content security policy needs no exception
    modulePreload: { polyfill: false },
    manifest: true,
    license: true,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            vendor('react', /node_modules[\\/](react|react-dom|scheduler)[\\/]/),
            vendor('data', /node_modules[\\/](@tanstack[\\/](?!react-virtual|virtual-core)|openapi-fetch|i18next|react-i18next)/),
          ],
        },
      },
    },
  },
  server: { proxy: { '/api': process.env.CHARGEHAND_API ?? 'http://127.0.0.1:8710' } },
  test: { environment: 'happy-dom', setupFiles: ['src/test.setup.ts'], css: { modules: { classNameStrategy: 'non-scoped' } } },
});
