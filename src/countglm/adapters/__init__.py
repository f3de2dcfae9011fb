"""Other engines and languages beside this one; each adapter imports what it needs when called."""
