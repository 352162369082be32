DELETE FROM memberships a USING memberships b WHERE (a.club, a.person) = (b.club, b.person) AND a.id > b.id;
