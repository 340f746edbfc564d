// The least that a worker can do: what the load generator reaches against it is the ceiling of
// everything else that is measured here.

export default {
  fetch() {
    return new Response("ok");
  },
};
