using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using JitGrains.Approvals;
using JitGrains.Binding;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Network;
using JitGrains.PolicyVersions;
using JitGrains.Policy;
using JitGrains.Principals;
using JitGrains.Restrictions;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Revocation;
using JitGrains.Silo.Secrets;
using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Policies;

/// <summary>A change of policy that somebody wants to make.</summary>
/// <param name="Action"><see cref="PolicyGate.Apply"/> or <see cref="PolicyGate.Rollback"/>.</param>
/// <param name="Method">The call's method, to be shown.</param>
/// <param name="Target">The call's path, to be shown.</param>
/// <param name="Files">The policy that would be in force.</param>
/// <param name="Version">Its version.</param>
/// <param name="Reason">Why.</param>
/// <param name="Expected">The version that must be in force then, or null.</param>
/// <param name="Shown">What approvers are shown: the difference to the policy in force.</param>
internal sealed record PolicyChange(
    string Action, string Method, string Target, ImmutableArray<PolicyText> Files, string Version, string? Reason, string? Expected, string Shown);

/// <summary>Whether a change of policy may be made now. Closed.</summary>
internal abstract record GateAnswer
{
    private GateAnswer() { }

    /// <summary>It may; where it took a use of a grant, what comes of it is to be recorded.</summary>
    public sealed record Open(string? CallerKey, ExecutionRecord? Use) : GateAnswer;

    /// <summary>Policy denies it.</summary>
    public sealed record Denied : GateAnswer;

    /// <summary>Only the caller's sign-in stands in the way.</summary>
    public sealed record SignInNeeded(SignInDemand Demand) : GateAnswer;

    /// <summary>A reason is needed.</summary>
    public sealed record ReasonNeeded : GateAnswer;

    /// <summary>It needs an approval, which is asked for.</summary>
    public sealed record Pending(string RequestId, DateTimeOffset DecideBy) : GateAnswer;

    /// <summary>No approval can be asked for.</summary>
    public sealed record Refused(Refusal Because) : GateAnswer;
}

/// <summary>
/// The control plane's own enforcement point: where the policy in force has the actions <c>policy.apply</c> and
/// <c>policy.rollback</c> in an API named <c>jitgrains</c>, a change of policy is decided by its rules, like any other call.
/// Under an approve rule it needs a grant for exactly this change, of which one use is taken. Thread-safe.
/// </summary>
internal sealed partial class PolicyGate(
    IPolicyProvider policies, GatewayKeys keys, GrantVerifier verifier, IStoreEpoch epoch, IGrainFactory grains, IIdGenerator ids, TimeProvider time, ILogger<PolicyGate> logger)
{
    /// <summary>The API whose actions are the control plane's.</summary>
    public const string Api = "jitgrains";

    /// <summary>Putting a policy in force.</summary>
    public const string Apply = "policy.apply";

    /// <summary>Going back to an earlier one.</summary>
    public const string Rollback = "policy.rollback";

    private const int RecordAttempts = 5;
    private static readonly TimeSpan RecordAgain = TimeSpan.FromMilliseconds(500);

    /// <summary>Decides, and where a grant is needed takes a use of it or asks for one.</summary>
    /// <param name="caller">Who changes it.</param>
    /// <param name="change">What.</param>
    /// <param name="origin">From where.</param>
    /// <param name="certificate">The client certificate of the connection, or null where it is not known.</param>
    public async Task<GateAnswer> EnterAsync(Caller caller, PolicyChange change, CallOrigin origin, DeviceCertificate? certificate = null)
    {
        var policy = policies.Current;
        if (policy.FindAction(change.Action) is not var (api, action) || api.Name != Api)
            return new GateAnswer.Open(null, null);
        var decision = policy.Evaluate(new PolicyInput { Caller = caller, Api = api, Action = action, Origin = origin, Certificate = certificate, Now = time.GetUtcNow() });
        return decision switch
        {
            PolicyDecision.Allow => new GateAnswer.Open(null, null),
            PolicyDecision.Approve approve => await EnterByGrantAsync(caller, change, action, approve.Terms),
            PolicyDecision.Deny { SignIn: { } demand } => new GateAnswer.SignInNeeded(demand),
            _ => new GateAnswer.Denied(),
        };
    }

    /// <summary>Records what came of a change that took a use. Where the store does not take that, it shows as unknown later.</summary>
    public async Task LeaveAsync(GateAnswer.Open entered, bool done)
    {
        if (entered is not { CallerKey: { } key, Use: { } use })
            return;
        var outcome = new ExecutionOutcome(
            done ? ExecutionStatus.Completed : ExecutionStatus.Failed, done ? 200 : null, done ? null : "not-applied", use.StartedAt, time.GetUtcNow(), 0, 0);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await grains.GetGrain<IPrincipalGrain>(key).RecordOutcome(new OutcomeCommand(use.Id, outcome));
                return;
            }
            catch (Exception e) when (StoreTrouble.IsPassing(e) && attempt < RecordAttempts)
            {
                await Task.Delay(RecordAgain, time);
            }
            catch (Exception e)
            {
                // The change is made, or is not; who made it has that answer all the same.
                LogNotRecorded(logger, e, use.Id);
                return;
            }
        }
    }

    private async Task<GateAnswer> EnterByGrantAsync(Caller caller, PolicyChange change, ActionDefinition action, ApprovalTerms terms)
    {
        var digest = DigestOf(change);
        var rejoin = RejoinKey.Compute(caller.AskKey, Api, action.Name, "", BindingKind.Payload, digest);
        var principal = grains.GetGrain<IPrincipalGrain>(caller.Key);
        var now = time.GetUtcNow();
        var revocations = (await grains.GetGrain<IRestrictionsGrain>(IRestrictionsGrain.Key).Get()).Revocations;
        foreach (var (grant, usesLeft) in (await principal.GetView()).Grants)
        {
            if (usesLeft is <= 0 || grant.Api != Api || grant.Binding != BindingKind.Payload || !grant.Covers(action.Name, "", digest)
                || grant.Epoch != epoch.Current || revocations.Any(r => r.Covers(grant))
                || now >= grant.ExpiresAt || !verifier.Verify(grant) || !Quorum.StillStands(grant, terms, caller.Involved))
            {
                continue;
            }

            var use = await principal.Consume(new ConsumeCommand(ids.NewExecutionId(), grant.Id, ControlPlaneExecutions.Incarnation, action.Name, "", digest, rejoin, terms.PolicyVersion));
            if (use.Value is { } taken)
                return new GateAnswer.Open(caller.Key, taken);
        }

        return terms.ReasonRequired && change.Reason is null
            ? new GateAnswer.ReasonNeeded()
            : await AskAsync(principal, AskFor(caller, change, action, terms, digest, rejoin));
    }

    private async Task<GateAnswer> AskAsync(IPrincipalGrain principal, Ask ask)
    {
        var reply = await principal.Ask(new AskCommand(ask, null));
        if (reply.Value is not { } accepted)
            return new GateAnswer.Refused(reply.Refusal!);
        if (accepted.Ask is { } raised)
            await grains.GetGrain<IApprovalRequestGrain>(raised.RequestId).Raise(raised);
        return new GateAnswer.Pending(accepted.RequestId, time.GetUtcNow() + ask.Terms.DecideWithin);
    }

    private Ask AskFor(Caller caller, PolicyChange change, ActionDefinition action, ApprovalTerms terms, string digest, string rejoin)
    {
        var isCut = change.Shown.Length > ReviewBuilder.MaxBody;
        return new Ask
        {
            RequestId = ids.NewRequestId(),
            Principal = caller.Principal,
            Actors = caller.Actors,
            Excluded = caller.Excluded,
            Api = Api,
            Action = action.Name,
            Access = action.Access,
            Sensitivity = action.Sensitivity,
            Resource = "",
            Binding = BindingKind.Payload,
            PayloadDigest = digest,
            Reason = change.Reason,
            Uses = 1,
            Window = terms.DefaultWindow,
            Terms = terms,
            Summary = $"{caller.Principal} wants policy {change.Version} in force in place of {policies.Current.Version}",
            Payload = new ReviewPayload
            {
                Method = change.Method,
                Authority = "control-plane",
                Target = change.Target,
                Body = isCut ? change.Shown[..ReviewBuilder.MaxBody] : change.Shown,
                BodyBytes = Encoding.UTF8.GetByteCount(change.Shown),
                BodyIncomplete = isCut,
            },
            RejoinKey = rejoin,
        };
    }

    [LoggerMessage(2330, LogLevel.Error, "The outcome of execution {ExecutionId} could not be recorded")]
    private static partial void LogNotRecorded(ILogger logger, Exception exception, string executionId);

    /// <summary>Keyed, over everything that the change is: a grant is for exactly this one.</summary>
    private string DigestOf(PolicyChange change)
    {
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, keys.PayloadBinding.Span);
        Span<byte> length = stackalloc byte[8];
        IEnumerable<string> parts = ["jit-policy-1", change.Action, change.Reason ?? "", change.Expected ?? "", .. change.Files.SelectMany(f => new[] { f.Name, f.Text })];
        foreach (var part in parts)
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            BinaryPrimitives.WriteInt64BigEndian(length, bytes.Length);
            mac.AppendData(length);
            mac.AppendData(bytes);
        }

        return $"jit-policy-1;{Base64Url.EncodeToString(mac.GetHashAndReset())}";
    }
}
