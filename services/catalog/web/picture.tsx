// The pictures of the products: a drawing for each category, in a colour for each product.
import type { JSX } from "preact";

const HUES = 12;

const DRAWINGS: Record<string, JSX.Element> = {
  "coffee-beans": (
    <>
      <ellipse cx="46" cy="62" rx="20" ry="27" transform="rotate(-28 46 62)" />
      <path class="cut" d="M36 40c14 10 4 26 20 44" />
      <ellipse cx="80" cy="56" rx="17" ry="23" transform="rotate(22 80 56)" />
      <path class="cut" d="M88 36c-12 9-2 22-16 40" />
    </>
  ),
  tea: (
    <>
      <path d="M60 24c30 14 34 50 0 76-34-26-30-62 0-76z" />
      <path class="cut" d="M60 34v62M60 56l14-12M60 70l18-14M60 60 46 48M60 76 42 62" />
    </>
  ),
  brewers: (
    <>
      <path d="M32 28h56L68 60H52z" />
      <path d="M40 66h40l6 34a6 6 0 0 1-6 6H40a6 6 0 0 1-6-6z" />
      <path class="cut" d="M38 86h44" />
    </>
  ),
  espresso: (
    <>
      <path d="M26 30h60v16H26z" />
      <path d="M86 32h14v8H86z" />
      <path d="M46 50h10v10H46zM62 50h10v10H62z" />
      <path d="M38 72h42v14a14 14 0 0 1-14 14H52a14 14 0 0 1-14-14z" />
    </>
  ),
  grinders: (
    <>
      <path d="M40 26h40l-8 22H48z" />
      <path d="M44 52h32v48a6 6 0 0 1-6 6H50a6 6 0 0 1-6-6z" />
      <path class="stroke" d="M60 26V16h26" />
      <circle cx="88" cy="16" r="5" />
    </>
  ),
  kettles: (
    <>
      <path d="M36 52h44l8 44a8 8 0 0 1-8 8H36a8 8 0 0 1-8-8z" />
      <path class="stroke" d="M30 84C14 76 22 54 12 46M40 52c0-30 36-30 36 0" />
      <circle cx="58" cy="46" r="5" />
    </>
  ),
  "cups-and-glasses": (
    <>
      <path d="M30 44h50v30a22 22 0 0 1-22 22h-6a22 22 0 0 1-22-22z" />
      <path class="stroke" d="M80 52h8a11 11 0 0 1 0 22h-9M44 34c0-8 7-8 7-16M62 34c0-8 7-8 7-16" />
    </>
  ),
  "filters-and-care": (
    <>
      <path d="M24 34h72L66 92a7 7 0 0 1-12 0z" />
      <path class="cut" d="M40 34l16 52M80 34 64 86M60 34v54" />
    </>
  ),
  cookware: (
    <>
      <path d="M26 50h68v38a10 10 0 0 1-10 10H36a10 10 0 0 1-10-10z" />
      <path d="M14 56h12v8H14zM94 56h12v8H94zM30 38h60v7H30z" />
      <circle cx="60" cy="32" r="5" />
    </>
  ),
  bakeware: (
    <>
      <path d="M22 52h76l-8 40a8 8 0 0 1-8 6H38a8 8 0 0 1-8-6z" />
      <path d="M28 46c4-24 60-24 64 0z" />
      <path class="cut" d="M40 60l4 30M60 60v30M80 60l-4 30" />
    </>
  ),
  knives: (
    <>
      <path d="M30 96C28 60 48 30 84 18l4 6L50 86z" />
      <path d="M26 92l14-2 6 6-12 14a6 6 0 0 1-9 0z" />
    </>
  ),
  tools: (
    <>
      <path d="M40 20a14 22 0 1 1 0 44 14 22 0 0 1 0-44z" />
      <path d="M36 64h8v40a4 4 0 0 1-8 0z" />
      <path d="M76 20h16v26l-4 8v50a4 4 0 0 1-8 0V54l-4-8z" />
    </>
  ),
};

/** The picture of a product. It is decoration: the name stands beside it. */
export function Picture({ name, category }: { name: string; category: string }) {
  const number = [...name].reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) % HUES, 7);
  return (
    <svg class={`picture hue-${number}`} viewBox="0 0 120 120" aria-hidden="true">
      <rect class="picture-ground" width="120" height="120" />
      <circle class="picture-sun" cx={34 + number * 5} cy={40 + (number % 4) * 10} r="42" />
      <g class="picture-shape">{DRAWINGS[category] ?? DRAWINGS.tools}</g>
    </svg>
  );
}
