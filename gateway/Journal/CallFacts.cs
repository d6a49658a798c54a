using System.Collections.Immutable;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Network;
using JitGrains.Principals;

namespace JitGrains.Gateway.Journal;

/// <summary>What an entry says.</summary>
internal interface IJournalFacts
{
    /// <summary>The entry, put into words when its batch is written.</summary>
    AuditDraft Draft(string type, DateTimeOffset startedAt, ExecutionOutcome? outcome, AuditField? more);

    /// <summary>Seals the entry behind others.</summary>
    void AddTo(SealedRun run, DateTimeOffset at, string type, DateTimeOffset startedAt, ExecutionOutcome? outcome, AuditField? more) =>
        run.Add(at, Draft(type, startedAt, outcome, more));
}

/// <summary>What an entry says of a call. No query, header or body: they may hold secrets. Immutable and thread-safe.</summary>
/// <param name="Caller">Who calls.</param>
/// <param name="Policy">The version of the policy that decided.</param>
/// <param name="Method">The method.</param>
/// <param name="Api">The API, where there is one.</param>
/// <param name="Action">The action, where there is one.</param>
/// <param name="Resource">What the path captured.</param>
/// <param name="Rule">The rule that decided, where one did.</param>
/// <param name="Request">The approval request of the grant that it runs under.</param>
/// <param name="Grant">The grant that it runs under.</param>
/// <param name="Origin">From where it comes.</param>
internal sealed record CallFacts(
    Caller Caller, string Policy, string Method, string? Api, string? Action = null, string? Resource = null, string? Rule = null, string? Request = null, string? Grant = null, CallOrigin Origin = default) : IJournalFacts
{
    private const int MostFields = 20;

    /// <summary>The same entry as <see cref="Draft"/> says, without putting it together first: nearly all are of this kind.</summary>
    public void AddTo(SealedRun run, DateTimeOffset at, string type, DateTimeOffset startedAt, ExecutionOutcome? outcome, AuditField? more)
    {
        if (more is not null)
        {
            run.Add(at, Draft(type, startedAt, outcome, more));
            return;
        }

        // In the order of their names.
        run.Open(at);
        run.Text("action", Action);
        if (!Caller.Actors.IsDefaultOrEmpty)
            run.Personal("actors", PersonalValue.Of(Caller.Actors));
        run.Personal("address", Origin.Address?.ToString());
        run.Text("api", Api);
        if (!Caller.Excluded.IsDefaultOrEmpty)
            run.Personal("behind", PersonalValue.Of(Caller.Excluded));
        run.Text("country", Origin.Country.ToString());
        if (outcome is not null)
        {
            run.At("ended_at", outcome.EndedAt);
            run.Text("error", outcome.Error);
        }

        run.Text("grant", Grant);
        if (outcome?.HttpStatus is { } status)
            run.Number("http_status", status);
        run.Text("method", Method);
        run.Text("policy", Policy);
        run.Personal("principal", Caller.Principal.Value);
        run.Text("request", Request);
        if (outcome is not null)
            run.Number("request_bytes", outcome.RequestBytes);
        run.Personal("resource", Resource);
        if (outcome is not null)
            run.Number("response_bytes", outcome.ResponseBytes);
        run.Text("rule", Rule);
        run.At("started_at", outcome?.StartedAt ?? startedAt);
        if (outcome is not null)
            run.Text("status", PrincipalMachine.WordFor(outcome.Status));
        run.Text("token", Caller.Only?.TokenId);
        run.Close(type);
    }

    /// <summary>The entry.</summary>
    public AuditDraft Draft(string type, DateTimeOffset startedAt, ExecutionOutcome? outcome, AuditField? more)
    {
        var fields = ImmutableArray.CreateBuilder<AuditField>(MostFields);
        fields.Add(new("principal", Caller.Principal.Value, Personal: true));
        fields.AddRange(AuditField.People("actors", Caller.Actors));
        fields.AddRange(AuditField.People("behind", Caller.Excluded));
        Add("address", Origin.Address?.ToString(), personal: true);
        Add("country", Origin.Country.ToString());
        Add("api", Api);
        fields.Add(new("method", Method));
        Add("action", Action);
        Add("resource", Resource, personal: true);
        Add("rule", Rule);
        fields.Add(new("policy", Policy));
        Add("request", Request);
        Add("grant", Grant);
        Add("token", Caller.Only?.TokenId);
        if (outcome is null)
            fields.Add(AuditField.At("started_at", startedAt));
        else
            fields.AddRange(PrincipalMachine.Describe(outcome));
        if (more is not null)
            fields.Add(more);
        return new AuditDraft(type, fields.DrainToImmutable());

        void Add(string name, string? value, bool personal = false)
        {
            if (!string.IsNullOrEmpty(value))
                fields.Add(new(name, value, personal));
        }
    }
}
