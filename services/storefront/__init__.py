"""The storefront: the shell of the shop's pages and the files of its parts, over HTTP."""
