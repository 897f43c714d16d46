// The payments' part of the storefront: the choice of a card. No card number is ever asked for.
import { mount, type Part } from "@shop/kit";
import { useEffect, useRef, useState } from "preact/hooks";
import { CARDS } from "./cards.ts";
import { Drawing } from "./drawing.tsx";
import "./payments.css";

/** A card picker. It passes the token of the chosen card on, also of the one that is chosen at first. */
function PaymentMethod({ onToken }: { onToken: (token: string) => void }) {
  // A reload starts with a card that pays: a payment token is not stored anywhere.
  const [token, setToken] = useState<string>(CARDS[0].token);
  const tell = useRef(onToken);
  tell.current = onToken;
  useEffect(() => {
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

const part: Part = { pages: {}, slots: { "payment-method": mount(PaymentMethod) } };

export default part;
