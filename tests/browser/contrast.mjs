// How well text can be read: its contrast with what is behind it, as WCAG 2.2 defines it.

/**
 * Every piece of text on a page, and its contrast.
 * @param {import("puppeteer-core").Page} page
 * @returns {Promise<{text: string, ratio: number}[]>}
 */
export async function contrasts(page) {
  const pieces = await page.evaluate(() => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = node.textContent.trim();
      if (text === "") continue;
      const { color } = getComputedStyle(node.parentElement);
      const grounds = [];
      for (let element = node.parentElement; element; element = element.parentElement) {
        grounds.push(getComputedStyle(element).backgroundColor);
      }
      found.push({ text: text.slice(0, 40), color, grounds });
    }
    return found;
  });
  return pieces.map(({ text, color, grounds }) => {
    // The nearest ground that covers what is behind it; these pages have none that shines through.
    const ground = grounds.map(parse).find(({ alpha }) => alpha === 1) ?? parse("rgb(255, 255, 255)");
    return { text, ratio: ratio(luminance(parse(color)), luminance(ground)) };
  });
}

function parse(color) {
  const [red, green, blue, alpha = 1] = color.match(/[\d.]+/g).map(Number);
  return { channels: [red, green, blue], alpha };
}

function luminance({ channels }) {
  const [red, green, blue] = channels.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function ratio(one, other) {
  const [light, dark] = one > other ? [one, other] : [other, one];
  return (light + 0.05) / (dark + 0.05);
}
