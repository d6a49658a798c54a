using System.Security.Cryptography;
using System.Text.Json;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Json;
using static JitGrains.TestSupport.Sample;

namespace JitGrains.UnitTests.Grants;

public sealed class GrantSigningTests
{
    private readonly GrantSigner signer = new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    private static Grant Whole => Grant() with { Epoch = "1", Votes = [Recorded(Bob, Managers)], Actors = [Person("agent")] };

    [Fact]
    public void A_signed_grant_verifies_also_after_a_round_trip()
    {
        var signed = signer.Sign(Whole);
        Assert.True(signer.Verifier.Verify(signed));
        Assert.True(signer.Verifier.Verify(JsonSerializer.Deserialize<Grant>(JsonSerializer.Serialize(signed, JitJson.Options), JitJson.Options)!));
    }

    public static TheoryData<string, Func<Grant, Grant>> Changes => new()
    {
        { "id", g => g with { Id = "gr_other" } },
        { "principal", g => g with { Principal = Bob } },
        { "actors", g => g with { Actors = [] } },
        { "action", g => g with { Action = "orders.delete" } },
        { "binding", g => g with { Binding = BindingKind.Action } },
        { "resource", g => g with { Resource = "order=43" } },
        { "payload", g => g with { PayloadDigest = "other" } },
        { "start", g => g with { NotBefore = g.NotBefore.AddTicks(-1) } },
        { "end", g => g with { ExpiresAt = g.ExpiresAt.AddTicks(1) } },
        { "uses", g => g with { Uses = 2 } },
        { "unlimited", g => g with { Uses = null } },
        { "automatic", g => g with { Automatic = true } },
        { "votes", g => g with { Votes = [Recorded(Carol, Managers)] } },
        { "vote's groups", g => g with { Votes = [Recorded(Bob, Managers, Security)] } },
        { "epoch", g => g with { Epoch = "2" } },
        { "no signature", g => g with { Signature = null } },
        { "empty signature", g => g with { Signature = "" } },
        { "key id only", g => g with { Signature = g.Signature!.Split('.')[0] + "." } },
        { "garbage", g => g with { Signature = g.Signature!.Split('.')[0] + ".%%%" } },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void Any_change_is_found(string name, Func<Grant, Grant> change)
    {
        Assert.NotEmpty(name);
        Assert.False(signer.Verifier.Verify(change(signer.Sign(Whole))));
    }

    [Fact]
    public void Another_silos_key_is_not_ours()
    {
        var other = new GrantSigner(ECDsa.Create(ECCurve.NamedCurves.nistP256));
        Assert.False(signer.Verifier.Verify(other.Sign(Whole)));
    }
}
