#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A page in headless Chromium, spoken to by the DevTools protocol over a pipe: JSON messages that end in NUL.

    browser.py PAGE.html PICTURE.png [WIDTH HEIGHT [dark] [KEY...]]     takes a picture, after pressing keys"""
import base64, json, os, select, shutil, subprocess, sys, tempfile, time

KEYS = {'ArrowDown': 40, 'ArrowUp': 38, 'ArrowLeft': 37, 'ArrowRight': 39, 'Home': 36, 'End': 35, 'PageDown': 34, 'PageUp': 33,
        'Escape': 27, 'Tab': 9, 'Enter': 13}

def chromium():
    """its path, or None"""
    return shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')

class Browser:
    def __init__(self):
        to_read, self.to = os.pipe()
        self.back, back_write = os.pipe()
        self.home = tempfile.mkdtemp(prefix='halfopen-page-')
        def pipes():
            a, b = os.dup(to_read), os.dup(back_write)
            os.dup2(a, 3), os.dup2(b, 4)
        self.process = subprocess.Popen([chromium(), '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars',
            '--no-first-run', '--disable-extensions', '--disable-background-networking', '--user-data-dir=' + self.home, '--remote-debugging-pipe'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=(3, 4), preexec_fn=pipes)
        os.close(to_read), os.close(back_write)
        self.rest, self.number, self.errors, self.urls, self.session = b'', 0, [], [], None
        target = self.ask('Target.createTarget', url='about:blank')['targetId']
        self.session = self.ask('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'): self.ask(domain + '.enable')

    def __enter__(self): return self
    def __exit__(self, *_):
        os.close(self.to)
        self.process.terminate()
        try: self.process.wait(5)
        except subprocess.TimeoutExpired: self.process.kill(); self.process.wait()
        os.close(self.back)
        shutil.rmtree(self.home, ignore_errors=True)

    def message(self, until):
        while b'\0' not in self.rest:
            if not select.select([self.back], [], [], max(0, until - time.monotonic()))[0]: raise TimeoutError('the browser does not answer')
            got = os.read(self.back, 1 << 20)
            if not got: raise EOFError('the browser has ended')
            self.rest += got
        text, self.rest = self.rest.split(b'\0', 1)
        return json.loads(text)

    def note(self, m):
        method, p = m.get('method'), m.get('params', {})
        if method == 'Runtime.exceptionThrown':
            d = p['exceptionDetails']
            self.errors.append(d.get('exception', {}).get('description') or d['text'])
        elif method == 'Runtime.consoleAPICalled' and p['type'] in ('error', 'warning', 'assert'):
            self.errors.append(' '.join(str(a.get('value', a.get('description'))) for a in p['args']))
        elif method == 'Log.entryAdded' and p['entry']['level'] in ('error', 'warning'): self.errors.append(p['entry']['text'])
        elif method == 'Network.requestWillBeSent': self.urls.append(p['request']['url'])

    def ask(self, method, **params):
        self.number += 1
        m = {'id': self.number, 'method': method, 'params': params}
        if self.session: m['sessionId'] = self.session
        os.write(self.to, json.dumps(m).encode() + b'\0')
        until = time.monotonic() + 60
        while True:
            m = self.message(until)
            if m.get('id') == self.number:
                if 'error' in m: raise RuntimeError('%s: %s' % (method, m['error']['message']))
                return m['result']
            self.note(m)

    def evaluate(self, expression):
        r = self.ask('Runtime.evaluate', expression=expression, returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in r: raise RuntimeError('%s: %s' % (expression, r['exceptionDetails'].get('exception', {}).get('description')))
        return r['result'].get('value')

    def look(self, width, height, dark=False):
        self.ask('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.ask('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}])

    def open(self, path):
        self.errors.clear(), self.urls.clear()
        self.ask('Page.navigate', url='file://' + os.path.abspath(path))
        for _ in range(200):
            if self.evaluate("document.readyState === 'complete' && document.documentElement.dataset.ready === 'yes'"): break
            if self.errors: break
            time.sleep(0.02)
        self.settle()

    def settle(self):
        self.evaluate('new Promise(f => requestAnimationFrame(() => requestAnimationFrame(() => f(1))))')

    def key(self, key):
        code = KEYS.get(key, ord(key.upper()[0]))
        k = {'key': key, 'windowsVirtualKeyCode': code}
        self.ask('Input.dispatchKeyEvent', type='keyDown', **k, **({'text': key} if len(key) == 1 else {}))
        self.ask('Input.dispatchKeyEvent', type='keyUp', **k)
        self.settle()

    def picture(self, path):
        with open(path, 'wb') as f: f.write(base64.b64decode(self.ask('Page.captureScreenshot', format='png')['data']))

def main():
    page, png, *rest = sys.argv[1:]
    width, height = (int(rest.pop(0)), int(rest.pop(0))) if rest else (1440, 900)
    dark = bool(rest and rest[0] == 'dark' and rest.pop(0))
    with Browser() as b:
        b.look(width, height, dark)
        b.open(page)
        for k in rest:
            if k.startswith('js:'): b.evaluate(k[3:]), b.settle()
            else: b.key(k)
        b.picture(png)
        for e in b.errors: print('error:', e)

if __name__ == '__main__':
    if len(sys.argv) < 3: sys.exit(__doc__)
    main()
