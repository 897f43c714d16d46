// The payments' part of the storefront: the choice of a card. No card number is ever asked for.
import { mount, type Part } from "@shop/kit";
import { useEffect, useRef, useState } from "preact/hooks";
import { CARDS } from "./cards.ts";
import { Drawing } from "./drawing.tsx";
import "./payments.css";

const KEY = "shop.payment-method";

/** A card picker. It passes the token of the chosen card on, also of the one that is chosen at first. */
function PaymentMethod({ onToken }: { onToken: (token: string) => void }) {
  const [token, setToken] = useState(remembered);
  const tell = useRef(onToken);
  tell.current = onToken;
  useEffect(() => {
    sessionStorage.setItem(KEY, token);
    tell.current(token);
  }, [token]);
  return (
    <fieldset class="payment" aria-describedby="payment-note">
      <legend>Pay with</legend>
      <p class="small soft" id="payment-note">
        These are demo cards: nobody pays anything, and this shop never asks for a real card.
      </p>
      <div class="payment-cards">
        {CARDS.map((card) => (
          <label key={card.token} class="payment-choice">
            <input
              type="radio"
              name="payment-method"
              value={card.token}
              checked={card.token === token}
              aria-describedby={`payment-${card.token}`}
              onChange={() => setToken(card.token)}
            />
            <Drawing look={card.look} />
            <span>
              {card.name}
              <span class="payment-hint" id={`payment-${card.token}`} aria-hidden="true">
                {card.hint}
              </span>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** A reload keeps the choice; the next visit starts with a card that pays. */
function remembered(): string {
  const stored = sessionStorage.getItem(KEY);
  return CARDS.find(({ token }) => token === stored)?.token ?? CARDS[0].token;
}

const part: Part = { pages: {}, slots: { "payment-method": mount(PaymentMethod) } };

export default part;
