"""Who and what: users, hospitals, patients, lesions, images, permissions, audit."""
