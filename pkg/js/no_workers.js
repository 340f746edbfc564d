// Where the Workers runtime's own module does not exist.
export default {};
