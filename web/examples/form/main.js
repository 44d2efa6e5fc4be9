import { Linnet } from './node_modules/linnet/dist/index.js';

const button = document.querySelector('button');
const { elements } = document.querySelector('form');
const status = document.querySelector('output');

/** What the fields of the form accept. The model cannot write anything else. */
const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 40 },
    guests: { type: 'integer', minimum: 1, maximum: 20 },
    day: { enum: ['Friday', 'Saturday', 'Sunday'] },
    vegetarian: { type: 'boolean' },
  },
  required: ['name', 'guests', 'day', 'vegetarian'],
  additionalProperties: false,
};

const linnet = await Linnet.load('smollm2-135m-instruct', { modelBase: 'models/' });
status.textContent = 'Ready.';
button.disabled = false;

button.addEventListener('click', async () => {
  button.disabled = true;
  status.textContent = 'Reading…';
  try {
    const { choices } = await linnet.chat.completions.parse({
      messages: [
        { role: 'system', content: 'Fill in the booking form for the message.' },
        { role: 'user', content: document.querySelector('textarea').value },
      ],
      response_format: { type: 'json_schema', json_schema: { name: 'booking', schema } },
      temperature: 0,
      max_tokens: 200,
    });
    const booking = choices[0].message.parsed;
    if (!booking) throw new Error('The answer was too long.');
    const { vegetarian, ...texts } = booking;
    for (const [name, value] of Object.entries(texts)) elements[name].value = value;
    elements.vegetarian.checked = vegetarian;
    status.textContent = 'Check it, please.';
  } catch (error) {
    status.textContent = `${error.name}: ${error.message}`;
  } finally {
    button.disabled = false;
  }
});
