// Opens pages in a real browser that has no network, and says what it saw: one line of JSON for each page.
// node browser.js MODULES FILE:WIDTH:SCHEME...
const [modules, ...pages] = process.argv.slice(2);
const { chromium } = require(`${modules}/playwright-core`);
// Its package unpacks the libraries and fonts beside the browser that a bare machine lacks only where it finds this.
process.env.AWS_EXECUTION_ENV = "AWS_Lambda_nodejs20.x";

function measured() {
  const pictures = [...document.querySelectorAll("svg[role=img]")].filter((one) => one.checkVisibility());
  const sizes = pictures.map((one) => one.getBoundingClientRect());
  const ratio = (one) => {
    const numbers = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    const light = (colour) => numbers(colour).reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
    let behind = one;
    while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
    const both = [light(getComputedStyle(one).color), light(getComputedStyle(behind).backgroundColor)].sort();
    return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
  };
  const texts = [...document.querySelectorAll("body *")].filter((one) =>
    !one.closest("svg") && one.checkVisibility() && [...one.childNodes].some((part) => part.nodeType === 3 && part.data.trim()));
  return {
    pictures: pictures.length,
    smallest: Math.min(...sizes.map((size) => Math.min(size.width, size.height))),
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    background: getComputedStyle(document.body).backgroundColor,
    contrast: Math.min(...texts.map(ratio)),
    scripted: Boolean(window.scripted),
  };
}

(async () => {
  const { default: packed } = await import(`${modules}/@sparticuz/chromium/build/index.js`);
  // In a single process the first tab that closes takes the browser with it.
  const args = packed.args.filter((one) => one !== "--single-process");
  const browser = await chromium.launch({ executablePath: await packed.executablePath(), args });
  for (const page of pages) {
    const [file, width, colorScheme] = page.split(":");
    const context = await browser.newContext({ viewport: { width: Number(width), height: 800 }, colorScheme, offline: true });
    const tab = await context.newPage();
    const asked = [], complaints = [];
    tab.on("request", (request) => asked.push(request.url()));
    tab.on("console", (message) => complaints.push(message.text()));
    tab.on("pageerror", (error) => complaints.push(String(error)));
    await tab.goto(`file://${file}`, { waitUntil: "load" });
    const closed = await tab.evaluate(measured);
    await tab.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
    const opened = await tab.evaluate(measured);
    console.log(JSON.stringify({ page, asked: asked.length, complaints, ...closed, overflow: Math.max(closed.overflow, opened.overflow) }));
    await context.close();
  }
  await browser.close();
})().catch((error) => { console.error(error); process.exit(1); });
