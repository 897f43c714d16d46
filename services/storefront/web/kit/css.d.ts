// Styles are imported for their effect: the build puts them beside the script.
declare module "*.css";
