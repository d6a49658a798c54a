using FsCheck;
using FsCheck.Fluent;
using JitGrains.Audit;
using JitGrains.Keys;
using JitGrains.Shell;

namespace JitGrains.UnitTests.Properties;

/// <summary>API keys: created, revoked and forgotten, with lives of any length.</summary>
internal sealed class ApiKeysSpec : Spec<ApiKeysState, ApiKeysEvent>
{
    public override IStateMachine<ApiKeysState, ApiKeysEvent> Machine { get; } = new ApiKeysMachine();

    public override Gen<Command> Commands => Gen.Frequency(
        (3, Creations.Select(c => new Command("create", c))),
        (2, Any.Text("ci", "cron", "batch").Select(n => new Command("revoke", new RevokeApiKey("cm", n, Sample.Dave, "leaked")))));

    private static Gen<CreateApiKey> Creations =>
        from name in Any.Text("ci", "cron", "batch")
        from number in Gen.Choose(1, 4)
        from hash in Gen.Choose(1, 2)
        from life in Any.Span(60, 86_400)
        from owner in Any.Person
        from description in Any.Maybe(Any.HostileText)
        select new CreateApiKey($"cm{number}", name, $"hash{hash}", owner, Sample.Dave, life, ["batch"], new ApiKeyScope([], ["orders.refund"]), description);

    public override Answer<ApiKeysEvent> Decide(ApiKeysState state, Command command, DateTimeOffset now) => command.Says switch
    {
        CreateApiKey c => Answer<ApiKeysEvent>.Of(ApiKeysMachine.Decide(state, c, now)),
        RevokeApiKey c => Answer<ApiKeysEvent>.Of(ApiKeysMachine.Decide(state, c, now)),
        _ => throw new InvalidOperationException(command.Name),
    };

    public override Model<ApiKeysState, ApiKeysEvent> NewModel() => new KeysJudgement();

    private sealed class KeysJudgement : Model<ApiKeysState, ApiKeysEvent>
    {
        private readonly Dictionary<string, (string Hash, DateTimeOffset Until)> living = [];
        private readonly Dictionary<string, DateTimeOffset> revoked = [];

        public override void Judge(Turn<ApiKeysState, ApiKeysEvent> turn)
        {
            var created = turn.Entries(AuditTypes.KeyCreated).Any();
            if (turn.Command?.Says is CreateApiKey c && created)
            {
                Hold(!turn.Before.Keys.ContainsKey(c.Name), "a name was taken while its key is remembered");
                Hold(!revoked.TryGetValue(c.Name, out var over) || turn.Now >= over + ApiKeysMachine.Keep, "a revoked key's name was used again soon");
                var key = turn.After.Keys[c.Name];
                Hold(key.ExpiresAt <= turn.Now + ApiKeysMachine.LongestLife && key.Hash == c.Hash && key.Owner == c.Owner, "the key is another one than was asked for");
                living[c.Name] = (c.Hash, key.ExpiresAt);
                revoked.Remove(c.Name);
            }

            Hold(created == (turn.After.Keys.Count > turn.Before.Keys.Count), "a key came without an entry");
            if (turn.Command?.Says is RevokeApiKey r && turn.IsTaken)
            {
                Hold(turn.Entries(AuditTypes.KeyRevoked).Any() == !revoked.ContainsKey(r.Name), "a revocation without an entry, or twice");
                revoked.TryAdd(r.Name, turn.After.Keys[r.Name].ExpiresAt);
            }

            foreach (var (name, until) in revoked)
                Hold(turn.After.Keys.TryGetValue(name, out var key) ? key.RevokedAt is not null : turn.Now >= until + ApiKeysMachine.Keep, $"the key {name} is no longer revoked");
            foreach (var key in turn.After.Keys.Values)
                Hold(living.TryGetValue(key.Name, out var known) && known.Hash == key.Hash && known.Until == key.ExpiresAt, "a key changed");
        }
    }
}
